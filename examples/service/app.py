"""The ASGI application: it files documents, and answers for itself to the orchestrator's three probes."""

import json
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, TypeAlias

import anyio
import attrs

from aegis_core import Aegis, AegisError, AuditEvent, ErrorCode, Principal, Purpose, acting
from aegis_core.kernel.asgi import Receive, Scope, Send
from aegis_core.kernel.health import Health
from aegis_core.kernel.ids import uuid7
from examples.service.times import Times

State: TypeAlias = Literal["starting", "open", "leaving"]

LARGEST: Final = 1 << 20  #: bytes of one request's body
#: Without one of these nothing can be filed. A mail server would not be among them: messages wait for it.
NEEDED: Final = frozenset({"keys", "state", "subject_keys", "audit", "storage"})
#: Seconds for every part's answer; the readiness probe's own time-out is longer.
ASKED_FOR: Final = 1.5

#: Who asks comes from your own authentication; here the gateway in front has checked it.
WHO: Final = Principal("front-desk", verified_by="gateway")

_STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.INVALID_ARGUMENT: 400,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.ALREADY_EXISTS: 409,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.DEADLINE_EXCEEDED: 503,
    ErrorCode.RESOURCE_EXHAUSTED: 503,
}


@attrs.frozen(kw_only=True)
class DocumentFiled(AuditEvent):
    """A document was stored, and is promised to whoever sent it."""

    action: ClassVar[str] = "document.filed"

    document: str
    size: int


@attrs.frozen(kw_only=True)
class DocumentAcknowledged(AuditEvent):
    """The promise went out."""

    action: ClassVar[str] = "document.acknowledged"

    document: str


@attrs.frozen
class Reply:
    """What is sent back."""

    status: int
    content: Mapping[str, object]


class Service:
    """Answers requests from the moment the process runs; what needs Aegis is refused until it is open.

    Arguments:
        aegis: opened and closed by whoever runs the service.
    """

    def __init__(self, aegis: Aegis, times: Times, /) -> None:
        self._aegis = aegis
        self._times = times
        self.state: State = "starting"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI 3.0, HTTP)."""
        match scope["method"], scope["path"]:
            case "GET" | "HEAD", "/livez":
                reply = Reply(200, {"state": "alive"})  # it answers, so it lives: nobody else is asked
            case "GET" | "HEAD", "/startupz":
                reply = Reply(503 if self.state == "starting" else 200, {"state": self.state})
            case "GET" | "HEAD", "/readyz":
                reply = await self._ready()
            case "POST", "/documents":
                reply = await self._filed(receive)
            case _:
                reply = Reply(404, {"error": "there is no such page"})
        await self._answer(reply, send)
        if reply.status == 201:
            # Not awaited: nobody waits for it any more. What is queued is settled before the service ends.
            with acting(WHO, purpose=Purpose.TREATMENT):
                self._aegis.log.audit(DocumentAcknowledged(document=str(reply.content["document"])))

    async def _ready(self) -> Reply:
        if self.state != "open":
            return Reply(503, {"state": self.state})
        health = await self._aegis.health(deadline=ASKED_FOR)
        down = sorted(place for place in NEEDED & health.keys() if health[place].state == "down")
        # Anybody may ask, so it says no more than which part: the details are for the log and for `aegis doctor`.
        return Reply(503 if down else 200, {"state": "waiting" if down else "ready", "parts": _states(health)})

    async def _filed(self, receive: Receive) -> Reply:
        if self.state == "starting":
            return Reply(503, {"error": "not open yet"})
        try:
            with anyio.fail_after(self._times.request):
                body = await _body(receive)
                return await self._file(body)
        except TimeoutError:
            return Reply(503, {"error": "it took too long; it may have been filed"})
        except AegisError as error:
            self._aegis.log.warning(  # aegis: ignore[AEG008] - messages of an AegisError hold nothing classified
                "document.refused", code=error.code.value, reason=error.message
            )
            return Reply(_STATUS.get(error.code, 500), {"error": error.code.value})

    async def _file(self, body: bytes) -> Reply:
        mrn, text = _document(body)
        document = str(uuid7())
        with acting(WHO, purpose=Purpose.TREATMENT, subject=mrn):
            await self._aegis.storage.upload(f"documents/{document}", text)
            receipt = await self._aegis.audit.record(DocumentFiled(document=document, size=len(text)))
        return Reply(201, {"document": document, "event": str(receipt.event_id)})

    async def _answer(self, reply: Reply, send: Send) -> None:
        body = json.dumps(reply.content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if self.state == "leaving":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _states(health: Mapping[str, Health]) -> dict[str, str]:
    return {place: answer.state for place, answer in health.items()}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the request ended before its body did")
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f"the body is larger than {LARGEST} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _document(body: bytes) -> tuple[str, bytes]:
    try:
        match json.loads(body):
            case {"mrn": str(mrn), "text": str(text)} if mrn:
                return mrn, text.encode()
    except (ValueError, RecursionError):
        pass
    raise AegisError(ErrorCode.INVALID_ARGUMENT, 'the body must be {"mrn": "…", "text": "…"}')
