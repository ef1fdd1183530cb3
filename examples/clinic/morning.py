"""The work of a morning: every document filed and read, every result sent, every patient told, all on record."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import ClassVar, Final, Protocol, TypeVar

import anyio
import attrs

from aegis_core.app import Aegis
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.marks import PHI, Classified, Pseudonym, Purpose
from aegis_core.notifications.model import ChannelKind, DeliveryStatus, Recipient
from aegis_core.resilience import CountingBreaker
from examples.clinic.lab import LabClient
from examples.clinic.letters import ResultsReady
from examples.clinic.model import Document, Intake, Patient
from examples.clinic.progress import Progress

T = TypeVar("T")

#: How many documents, or letters, are in hand at once.
AT_ONCE: Final = 8
#: Seconds for which one result waits for the lab before the morning is broken off, and a letter for its final word.
LONGEST_WAIT: Final = 15.0


class Acknowledge(Protocol):
    """Is told of everything that the house has promised to keep, the moment it is promised."""

    def __call__(self, kind: str, /, **facts: str) -> None: ...


@attrs.frozen(kw_only=True)
class ResultSent(AuditEvent):
    """A result went to the lab's interface."""

    action: ClassVar[str] = "clinic.result_sent"

    document: str


@attrs.define
class Outcome:
    """What was done."""

    filed: Counter[str] = attrs.field(factory=Counter[str])
    already_filed: int = 0
    read: int = 0
    sent: int = 0
    already_sent: int = 0
    waits: int = 0
    letters: Counter[str] = attrs.field(factory=Counter[str])


class Morning:
    """One run over one input. Doing it twice does nothing twice.

    Arguments:
        principal: who is at work, and ``purpose``: what for; both are checked already.
        names: makes what stands for an id in keys and headers. Another key would make other names, and the same
            documents would be filed again under them.
    """

    def __init__(
        self,
        aegis: Aegis,
        lab: LabClient,
        breaker: CountingBreaker,
        /,
        *,
        principal: Principal,
        purpose: Purpose,
        names: Pseudonym,
        acknowledge: Acknowledge,
    ) -> None:
        self._aegis = aegis
        self._lab = lab
        self._breaker = breaker
        self._principal = principal
        self._purpose = purpose
        self._names = names
        self._acknowledge = acknowledge
        self._note: Callable[[str], None] = lambda _: None
        self.outcome = Outcome()

    async def documents(self, intake: Intake, progress: Progress, /) -> None:
        """File, read back and, where it is a result, send on every document."""
        self._note = progress.note
        await _each(intake.documents, self._document, progress.step)

    async def letters(self, intake: Intake, progress: Progress, /) -> None:
        """Tell every patient who has a document."""
        await _each(recipients(intake), self._letter, progress.step)

    def _token(self, value: str) -> str:
        """What stands for an id: nobody learns the id from it."""
        return self._names(value, PHI.UNIQUE_ID).rpartition(":")[2]

    async def _document(self, document: Document) -> None:
        digest = hashlib.sha256(document.content).hexdigest()
        # Another content under the same id is another version: it lies beside the first, and replaces nothing.
        name, version = self._token(document.document_id), self._token(f"{document.document_id} {digest}")
        key = f"documents/{document.kind.lower()}/{name}/{version}"
        with acting(self._principal, purpose=self._purpose, subject=document.patient_id):
            try:
                await self._aegis.storage.upload(key, document.content)
            except AegisError as error:
                if error.code is not ErrorCode.ALREADY_EXISTS:
                    raise
                self.outcome.already_filed += 1
            else:
                self.outcome.filed[document.kind] += 1
            self._acknowledge("stored", key=key, sha256=digest)
            if await self._aegis.storage.download(key) != document.content:
                raise AegisError(ErrorCode.INTEGRITY, "a document is not what was filed", operation="clinic.file")
            self.outcome.read += 1
            if document.is_result:
                await self._send(document.content, version)
        self._aegis.log.info("document filed", document=document)

    async def _send(self, body: bytes, token: str) -> None:
        is_new = await self._delivered(partial(self._lab.send, body, key=token))
        receipt = await self._aegis.audit.record(ResultSent(document=token))
        self._acknowledge("recorded", event=str(receipt.event_id))
        self.outcome.sent += is_new
        self.outcome.already_sent += not is_new

    async def _delivered(self, send: Callable[[], bool]) -> bool:
        """Send until the lab takes it: while it can't, the breaker keeps the calls from it, and the work waits."""
        gives_up = anyio.current_time() + LONGEST_WAIT
        while True:
            try:
                return await self._breaker.execute(anyio.to_thread.run_sync, send)
            except AegisError as error:
                if not error.retryable or anyio.current_time() > gives_up:
                    raise
                self.outcome.waits += 1
                self._note("the lab can't take results: waiting")
                self._aegis.log.debug("lab waits", code=error.code.value)
                await anyio.sleep(error.retry_after or 0.05)

    async def _letter(self, patient: Patient) -> None:
        token = self._token(patient.patient_id)
        addresses: dict[ChannelKind, Classified[str]] = {}
        if patient.email:
            addresses["email"] = Classified(patient.email, PHI.EMAIL)
        message = ResultsReady(to=Recipient(token, addresses, language=patient.language))
        with acting(self._principal, purpose=self._purpose, subject=patient.patient_id):
            status: DeliveryStatus = "queued"  # where it waits no longer: the journal has it, and the next run goes on
            with anyio.move_on_after(LONGEST_WAIT):
                delivery = await self._aegis.notify.send_immediate(message, key=f"results-ready-{token}")
                status = delivery.status
        self.outcome.letters[status] += 1
        self._aegis.log.info("patient told", patient=patient, status=status)
        if status == "accepted":
            self._acknowledge("mailed", key=f"results-ready-{token}")


def recipients(intake: Intake, /) -> list[Patient]:
    """Whoever has a document, each once; of some the input holds no more than the id."""
    owners = dict.fromkeys(document.patient_id for document in intake.documents)
    return [intake.patients.get(owner) or Patient(patient_id=owner) for owner in owners]


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[None]], step: Callable[[], None]) -> None:
    """Do ``work`` for each item, a few at once; the first error ends all, and is raised as it is, in no group."""
    waiting = iter(items)
    failed: list[Exception] = []

    async def worker() -> None:
        for item in waiting:
            try:
                await work(item)
            except Exception as error:  # noqa: BLE001 - raised below
                failed.append(error)
                group.cancel_scope.cancel()
                return
            step()

    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(worker)
    if failed:
        raise failed[0]
