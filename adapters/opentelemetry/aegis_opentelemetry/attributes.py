"""What may be told of attributes, by their names: those of marked fields, and those of the semantic conventions."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from aegis_core import Redaction
from aegis_core.marks import origin_of, summarize_statement

#: Of the semantic conventions: what a client sent, what a person is called by, what a library quotes.
_ERASED: Final = frozenset(
    """
    aws.s3.copy_source aws.s3.key cache.key client.address enduser.id enduser.pseudo.id exception.message file.directory
    file.name file.path graphql.document http.client_ip http.request.method_original http.user_agent log.record.original
    messaging.message.conversation_id net.peer.ip net.sock.peer.addr network.peer.address process.command
    process.command_args process.command_line session.id session.previous_id source.address url.fragment url.query
    user_agent.original
    """.split()
)
_ERASED_BELOW: Final = (
    *("db.query.parameter.", "db.operation.parameter.", "db.elasticsearch."),
    *("http.request.header.", "http.response.header.", "http.request.body", "http.response.body"),
    *("rpc.request.metadata.", "rpc.response.metadata.", "rpc.grpc.request.metadata.", "rpc.grpc.response.metadata."),
    *("rpc.connect_rpc.request.metadata.", "rpc.connect_rpc.response.metadata."),
    *("gen_ai.input", "gen_ai.output", "gen_ai.prompt", "gen_ai.completion", "gen_ai.system_instructions"),
    *("gen_ai.tool.call", "tls.client.", "user."),
)
_ADDRESSES: Final = frozenset(("http.url", "url.full", "url.original"))
_PATHS: Final = frozenset(("http.target", "url.path"))
_STATEMENTS: Final = frozenset(("db.statement", "db.query.text"))
_STACK: Final = "exception.stacktrace"
_PLACE: Final = re.compile(r'[ |]*  File "(.+)", line \d+, in [\w<>.]+')
ERASED: Final = "[erased]"
URL: Final = "[url]"


class Attributes:
    """The rule for attributes of spans, events, links and log records.

    Arguments:
        redaction: rules for the classes of marked fields, and names that are shown all the same.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction

    def __call__(self, attributes: Mapping[str, Any] | None, /) -> dict[str, Any]:
        """What may be told of them: a new dict."""
        if not attributes:
            return {}
        route = attributes.get("http.route")
        told = ((name, self._one(name, value, route)) for name, value in attributes.items())
        return {name: tuple(value) if isinstance(value, list) else value for name, value in told}

    def _one(self, name: str, value: Any, route: object) -> Any:
        if name in self._redaction.keep:
            return value
        if name in _ERASED or name.startswith(_ERASED_BELOW):
            return ERASED
        if name in _PATHS:
            return route if isinstance(route, str) else URL
        if name in _ADDRESSES:
            return origin_of(str(value)) + (route if isinstance(route, str) else "")
        if name in _STATEMENTS:
            return summarize_statement(str(value))
        if name == _STACK:
            return places(str(value))
        shown = self._redaction.value(name, value)
        return self._redaction.value(name.rpartition(".")[2], value) if shown is value else shown

    def name(self, name: str, attributes: Mapping[str, Any] | None, /) -> str:
        """A span's name, unless an instrumentation made it of what was asked for."""
        attributes = attributes or {}
        method = attributes.get("http.request.method", attributes.get("http.method"))
        if method is not None and ("/" in name or "?" in name):
            return " ".join(filter(None, (str(method), attributes.get("http.route"))))
        statement = next((attributes[each] for each in _STATEMENTS if each in attributes), None)
        return summarize_statement(name) if statement is not None and str(statement).startswith(name) else name


def places(stacktrace: str, /) -> str:
    """The lines of a traceback that name a place in a module that is loaded; no message, no line of source."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    told = []
    for line in stacktrace.splitlines():
        place = _PLACE.fullmatch(line)
        if place and place[1] in files:
            told.append(line)
    return "\n".join(["Traceback (most recent call last; messages are withheld):", *told])
