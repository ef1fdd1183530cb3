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
from examples.clinic import waiting
from examples.clinic.lab import LabClient
from examples.clinic.letters import ResultsReady
from examples.clinic.model import Document, Intake, Patient
from examples.clinic.progress import Progress
from examples.clinic.waiting import Waiting, passes

T = TypeVar("T")

#: How many documents, or letters, are in hand at once.
AT_ONCE: Final = 8
#: Seconds after which a letter that is not out yet is said to wait.
_SLOW: Final = 1.0


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
    """What was done. A document counts as filed, too, where the answer was lost and it turned out to be there."""

    filed: Counter[str] = attrs.field(factory=Counter[str])
    already_filed: int = 0
    read: int = 0
    sent: int = 0
    already_sent: int = 0
    letters: Counter[str] = attrs.field(factory=Counter[str])


class Morning:
    """One run over one input. Doing it twice does nothing twice, so that whatever is away is waited for.

    Arguments:
        breaker: keeps calls from the lab while it can't take any.
        lab_waiting: for the lab, and ``waiting``: for everything that Aegis leans on.
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
        lab_waiting: Waiting,
        waiting: Waiting,
        principal: Principal,
        purpose: Purpose,
        names: Pseudonym,
        acknowledge: Acknowledge,
    ) -> None:
        self._aegis = aegis
        self._lab = lab
        self._breaker = breaker
        self._lab_waiting = lab_waiting
        self._waiting = waiting
        self._principal = principal
        self._purpose = purpose
        self._names = names
        self._acknowledge = acknowledge
        self.outcome = Outcome()

    async def documents(self, intake: Intake, progress: Progress, /) -> None:
        """File, read back and, where it is a result, send on every document."""
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
            if await self._file(key, document.content):
                self.outcome.filed[document.kind] += 1
            else:
                self.outcome.already_filed += 1
            self._acknowledge("stored", key=key, sha256=digest)
            if await self._waiting.until_done(partial(self._aegis.storage.download, key)) != document.content:
                raise AegisError(ErrorCode.INTEGRITY, "a document is not what was filed", operation="clinic.file")
            self.outcome.read += 1
            if document.is_result:
                await self._send(document.content, version)
        self._aegis.log.info("document filed", document=document)

    async def _file(self, key: str, content: bytes) -> bool:
        """Store a document. False: it had been filed before."""
        in_doubt = False

        async def attempt() -> bool:
            nonlocal in_doubt
            try:
                await self._aegis.storage.upload(key, content)
            except AegisError as error:
                if error.code is ErrorCode.ALREADY_EXISTS:
                    return in_doubt  # then an earlier attempt stored it, and only its answer was lost
                in_doubt = in_doubt or (passes(error) and error.operation == "storage.upload")
                raise
            return True

        return await self._waiting.until_done(attempt)

    async def _send(self, body: bytes, token: str) -> None:
        send = partial(self._breaker.execute, anyio.to_thread.run_sync, partial(self._lab.send, body, key=token))
        is_new = await self._lab_waiting.until_done(send)
        event = ResultSent(document=token)  # the same one however often it takes: it is recorded once
        receipt = await self._waiting.until_done(partial(self._aegis.audit.record, event))
        self._acknowledge("recorded", event=str(receipt.event_id))
        self.outcome.sent += is_new
        self.outcome.already_sent += not is_new

    async def _letter(self, patient: Patient) -> None:
        token = self._token(patient.patient_id)
        addresses: dict[ChannelKind, Classified[str]] = {}
        if patient.email:
            addresses["email"] = Classified(patient.email, PHI.EMAIL)
        message = ResultsReady(to=Recipient(token, addresses, language=patient.language))
        with acting(self._principal, purpose=self._purpose, subject=patient.patient_id):
            status = await self._told(message, f"results-ready-{token}")
        self.outcome.letters[status] += 1
        self._aegis.log.info("patient told", patient=patient, status=status)
        if status == "accepted":
            self._acknowledge("mailed", key=f"results-ready-{token}")

    async def _told(self, message: ResultsReady, key: str) -> DeliveryStatus:
        """Send one, and wait for its final word. The hub tries again by itself; asking it again sends nothing twice."""
        send = partial(self._aegis.notify.send_immediate, message, key=key)
        with anyio.move_on_after(waiting.LONGEST_WAIT):
            while True:
                with anyio.move_on_after(_SLOW):
                    return (await self._waiting.until_done(send)).status
                self._waiting.say("mail")
        return "queued"  # if it got as far as the journal; in any case the next run goes on


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
