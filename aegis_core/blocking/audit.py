"""`AuditTrail` without an event loop."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

from aegis_core.audit.copies import NO_COPIES
from aegis_core.audit.model import CopyState, SignedCheckpoint, StoredEvent, Verdict
from aegis_core.audit.opening import OpenedEvent
from aegis_core.audit.port import AuditSink
from aegis_core.audit.proof import TlogProof
from aegis_core.audit.trail import AuditTrail as AsyncAuditTrail
from aegis_core.audit.tree import leaf_hash
from aegis_core.audit.verification import Progress
from aegis_core.blocking.crypto import Keyring
from aegis_core.blocking.facade import Facade
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.failing import as_error
from aegis_core.kernel.health import Health
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent, Receipt
from aegis_core.marks.classified import Classified


class AuditTrail(Facade[AsyncAuditTrail]):
    """`aegis_core.audit.AuditTrail` for code without an event loop: the same names, parameters and values."""

    def __init__(
        self,
        sink: AuditSink,
        keyring: Keyring,
        /,
        *,
        origin: str,
        copies: Mapping[str, AuditSink] = NO_COPIES,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        service = AsyncAuditTrail(
            sink, keyring._service, origin=origin, copies=copies, clock=clock, entropy=entropy, metrics=metrics
        )
        super().__init__(service)

    def submit(self, event: AuditEvent, /) -> Pending[Receipt]:
        """See `aegis_core.audit.AuditTrail.submit`: ``trail.submit(event).wait()`` waits for the receipt."""
        return self._open().submit(event)

    def record(self, event: AuditEvent, /, *, within: object | None = None) -> Receipt:
        """See `aegis_core.audit.AuditTrail.record`. ``within`` is used on the caller's own thread, and nowhere else."""
        if within is None:
            return self._run(lambda service: service.record(event))
        sink, entry = self._run(lambda service: service._joining(event))
        try:
            sink.join_sync([entry], within)
        except Exception as exc:  # noqa: BLE001 - classified and raised
            raise as_error(exc, self._open()._sink, "audit.record") from exc.__cause__
        return Receipt(entry.id, None, leaf_hash(entry.body))

    def checkpoint(self) -> SignedCheckpoint:
        """See `aegis_core.audit.AuditTrail.checkpoint`."""
        return self._run(lambda service: service.checkpoint())

    def prove(self, receipt: Receipt | UUID, /) -> TlogProof:
        """See `aegis_core.audit.AuditTrail.prove`."""
        return self._run(lambda service: service.prove(receipt))

    def consistency(self, old_size: int, new_size: int, /) -> tuple[bytes, ...]:
        """See `aegis_core.audit.AuditTrail.consistency`."""
        return self._run(lambda service: service.consistency(old_size, new_size))

    def entries(
        self, start: int = 0, stop: int | None = None, /, *, subject: Classified[str] | None = None
    ) -> Iterator[OpenedEvent]:
        """See `aegis_core.audit.AuditTrail.entries`."""
        events = self._open().entries(start, stop, subject=subject)
        while (event := self._next(events)) is not None:
            yield event

    def stored(
        self, start: int = 0, stop: int | None = None, /, *, subject: Classified[str] | None = None
    ) -> Iterator[StoredEvent]:
        """See `aegis_core.audit.AuditTrail.stored`."""
        events = self._open().stored(start, stop, subject=subject)
        while (event := self._next(events)) is not None:
            yield event

    def copies(self) -> Mapping[str, CopyState]:
        """See `aegis_core.audit.AuditTrail.copies`."""
        return self._service.copies()

    def catch_up(self) -> Mapping[str, CopyState]:
        """See `aegis_core.audit.AuditTrail.catch_up`."""
        return self._run(lambda service: service.catch_up())

    def verify(self, *, copy: str | None = None, progress: Progress | None = None) -> Verdict:
        """See `aegis_core.audit.AuditTrail.verify`."""
        return self._run(lambda service: service.verify(copy=copy, progress=progress))

    def export(self, folder: Path, /, *, progress: Progress | None = None) -> SignedCheckpoint:
        """See `aegis_core.audit.AuditTrail.export`."""
        return self._run(lambda service: service.export(folder, progress=progress))

    def verifier_keys(self) -> tuple[str, ...]:
        """See `aegis_core.audit.AuditTrail.verifier_keys`."""
        return self._run(lambda service: service.verifier_keys())

    def health(self) -> Health:
        """See `aegis_core.audit.AuditTrail.health`."""
        return self._run(lambda service: service.health())
