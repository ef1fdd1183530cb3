"""The privacy canary: a made-up patient goes through every kind of sink, and must come out of none.

Everything runs in memory, on the classes that applications use, as they are installed here: a broken release of a
library that they stand on shows before a patient's record does.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from io import StringIO
from typing import Annotated, Any, ClassVar, Final, TypeVar

import attrs

from aegis_core import (
    PHI,
    Aegis,
    AegisError,
    AuditEvent,
    Canary,
    Classified,
    Content,
    ErrorCode,
    Keyring,
    Message,
    Principal,
    Purpose,
    Recipient,
    Settings,
    Template,
    acting,
    guarded,
    install_logging,
    redact_event,
    to_headers,
)
from aegis_core.kernel import SYSTEM_ENTROPY, UP, AdapterDeps, Health, Registry, ServiceUrl, current
from aegis_core.notifications import ChannelCapabilities, ChannelKind, NotificationHub, Rendered, Sent

T = TypeVar("T")

_IN_MEMORY: Final = {
    "AEGIS_ENV": "test",
    **{f"AEGIS_{port}": "memory:" for port in ("AUDIT", "STATE", "SUBJECT_KEYS", "KEYS", "STORAGE", "LOG")},
    "AEGIS_EMAIL": "eml:unused",
}


@guarded
@attrs.frozen
class _Patient:
    canary_mrn: Annotated[str, PHI.MRN]
    canary_name: Annotated[str, PHI.NAME]


@attrs.frozen(kw_only=True)
class _Seen(AuditEvent):
    action: ClassVar[str] = "canary.seen"
    canary_name: Annotated[str, PHI.NAME]


@attrs.frozen(kw_only=True)
class _Told(Message):
    template: ClassVar[str] = "canary"
    canary_mrn: Annotated[str, PHI.MRN]


class _Mail:
    """A channel that keeps what it is given, as it would be sent."""

    name = "canary"
    kind: ChannelKind = "email"
    capabilities = ChannelCapabilities(idempotent=True)
    backends = frozenset({"asyncio", "trio"})

    def __init__(self) -> None:
        self.written = b""

    async def open(self) -> None:
        return None

    async def aclose(self) -> None:
        return None

    async def health(self) -> Health:
        return UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return None

    def native(self, type_: type[T], /) -> T | None:
        return None

    async def send(self, message: Rendered, /, *, key: str) -> Sent:
        self.written += f"{message.subject}\n{message.text}\n{message.html}".encode()
        return Sent("accepted")


async def fly() -> Mapping[str, bool]:
    """Send the canary through every sink: name of the sink → whether it stayed inside."""
    values = [f"CANARY{SYSTEM_ENTROPY.octets(8).hex()}" for _ in range(2)]
    canary, patient = Canary(values), _Patient(*values)
    mail = _Mail()
    registry, deps = Registry(), AdapterDeps(environment="test")
    lines, audit, state, storage = (
        registry.from_url(kind, ServiceUrl.parse("memory:"), deps) for kind in ("log", "audit", "state", "storage")
    )
    who = Principal("canary", verified_by="doctor")
    aegis = Aegis(
        Settings.read(_IN_MEMORY),
        log=lines,
        audit=audit,
        state=state,
        storage=storage,
        email=mail,
        templates=[Template(_Told, {"en": {"email": Content(subject="A result", text="A result is ready.")}})],
    )
    found: dict[str, bool] = {}

    async def sink(name: str, written: Callable[[], Awaitable[bytes]]) -> None:
        octets = await written()
        found[name] = bool(octets) and not canary.find(octets)

    async with aegis.open():
        with acting(who, purpose=Purpose.OPERATIONS, subject=Classified(values[0], PHI.MRN)):
            await sink("log", lambda: _log(aegis, lines, patient))
            await sink("exception", lambda: _exception(aegis, lines, patient))
            await sink("standard logging", lambda: _standard_logging(patient))
            await sink("structlog", lambda: _structlog(patient))
            await sink("repr", lambda: _text(repr(patient)))
            await sink("headers", lambda: _text(repr(to_headers(current()))))
            await aegis.audit.record(_Seen(canary_name=values[1]))
            await sink("audit", lambda: _entries(audit))
            await aegis.storage.upload("canary.txt", f"{values[0]} {values[1]}".encode())
            await sink("storage", lambda: _objects(storage))
            to = Recipient("canary", {"email": Classified(f"{values[1]}@canary.example", PHI.EMAIL)})
            await aegis.notify.send_immediate(_Told(to=to, canary_mrn=values[0]), key=values[0])
            await sink("mail", lambda: _text(mail.written.decode()))
            await sink("state", lambda: _documents(state))
        found["mail template"] = _refuses_a_template_without_clearance(aegis.keys)
    return found


async def _log(aegis: Aegis, lines: Any, patient: _Patient) -> bytes:
    aegis.log.info("canary", patient=patient, nested=[{"canary_name": patient.canary_name}])
    return b"".join(lines.lines)


async def _exception(aegis: Aegis, lines: Any, patient: _Patient) -> bytes:
    try:
        raise ValueError(patient.canary_name, patient)
    except ValueError:
        aegis.log.exception("canary")
    return b"".join(lines.lines)


async def _standard_logging(patient: _Patient) -> bytes:
    written = StringIO()
    # Nobody's but ours, so that no handler of others is redacted for good because somebody asked.
    logger = logging.Logger("aegis_cli.canary")  # noqa: LOG001
    logger.addHandler(logging.StreamHandler(written))
    install_logging(logger)
    logger.error("admitted %s, canary_mrn=%s", patient, patient.canary_mrn, extra={"canary_name": patient.canary_name})
    return written.getvalue().encode()


async def _structlog(patient: _Patient) -> bytes:
    event: dict[str, Any] = {"event": "canary", "patient": patient, "canary_mrn": patient.canary_mrn}
    return repr(redact_event(None, "info", event)).encode()


async def _text(text: str) -> bytes:
    return text.encode()


async def _entries(audit: Any) -> bytes:
    return b"\n".join(entry.body for entry in await audit.read(0, await audit.size()))


async def _objects(storage: Any) -> bytes:
    written = b""
    for each in (await storage.list("")).objects:
        reader = storage.read(each.key)
        try:
            while (piece := await reader.read(bytes)) is not None:
                written += each.key.encode() + piece
        finally:
            await reader.aclose()
    return written


async def _documents(state: Any) -> bytes:
    written = b""
    for name in await state.names(""):
        document = await state.get(name)
        written += name.encode() + (b"" if document is None else document.body)
    return written


def _refuses_a_template_without_clearance(keyring: Keyring) -> bool:
    """A template that would show a record number by e-mail must not load."""
    loose = Template(_Told, {"en": {"email": Content(subject="A result", text="For {canary_mrn}.")}})
    try:
        NotificationHub((_Mail(),), keyring, templates=[loose])
    except AegisError:
        return True
    return False
