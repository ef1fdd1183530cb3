"""What a client sends in a request: each sends one value, and says which status the application answers with."""

import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, urlencode

import attrs

from tests.corpus.case import Case


@attrs.frozen
class Sent:
    """A request.

    Arguments:
        status: that of the application's answer, if the request did what it is for.
    """

    method: str
    target: str
    status: int
    headers: Mapping[str, str] = {}
    body: bytes | None = None


def _header(case: Case) -> str:
    return f"X-{case.kind.replace('_', '-')}"


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


_JSON: Final = {"Content-Type": "application/json"}

WIRES: Final[dict[str, Callable[[Case], Sent]]] = {
    "url: path": lambda case: Sent("GET", f"/patients/{quote(case.value, safe='')}", 200),
    "url: path of a request that fails": lambda case: Sent("GET", f"/fails/{quote(case.value, safe='')}", 500),
    "url: path of no route": lambda case: Sent("GET", f"/nowhere/{quote(case.value, safe='')}", 404),
    "url: query": lambda case: Sent("GET", f"/find?{urlencode({case.kind: case.value})}", 200),
    "url: query of a request that fails": lambda case: Sent(
        "GET", f"/fails/4B?{urlencode({case.kind: case.value})}", 500
    ),
    "header: of a request that fails": lambda case: Sent("GET", "/fails/4B", 500, {_header(case): quote(case.value)}),
    "header: cookie of a request that fails": lambda case: Sent(
        "GET", "/fails/4B", 500, {"Cookie": f"{case.kind}={quote(case.value)}"}
    ),
    "header: Referer": lambda case: Sent(
        "GET", "/find", 200, {"Referer": f"http://clinic.example/{quote(case.value)}"}
    ),
    "body: refused": lambda case: Sent("POST", "/admit", 422, _JSON, _json({case.kind: [case.value]})),
    "body: key that is refused": lambda case: Sent("POST", "/admit", 422, _JSON, _json({case.value: 1})),
    "body: of a request that fails": lambda case: Sent("POST", "/fails/4B", 500, _JSON, _json({case.kind: case.value})),
}

NO_ROUTE: Final = "outside: path of no route on the page of DEBUG"
KEY_OF_A_MAPPING: Final = "body: key of a mapping"
#: Those of one application alone.
OWN_WIRES: Final[dict[str, Callable[[Case], Sent]]] = {
    NO_ROUTE: WIRES["url: path of no route"],
    KEY_OF_A_MAPPING: lambda case: Sent("POST", "/beds", 422, _JSON, _json({case.value: "none"})),
}

#: How an application answers to what it does, by the carrier or the beginning of it; the others with 200.
STATUS: Final = {
    "raised": 500,
    "raised: Http404": 404,
    "raised: BadRequest": 400,
    "raised: SuspiciousOperation": 400,
    "outside: detail of an HTTPException": 409,
    "outside: description of an HTTPException": 409,
}
#: Only a report on an error shows these: a page of DEBUG, a mail.
IN_REPORTS: Final = (
    "header: of a request that fails",
    "header: cookie of a request that fails",
    "body: of a request that fails",
)
