"""What a service of this room puts on record and counts."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias
from uuid import UUID

import attrs

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError
from aegis_core.kernel.ids import uuid7
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.recorder import Recorder
from aegis_core.storage.counts import Counts
from aegis_core.storage.events import ObjectCopied, ObjectDeleted, ObjectMoved, ObjectRead, ObjectWritten

ObjectEvent: TypeAlias = ObjectWritten | ObjectRead | ObjectCopied | ObjectMoved | ObjectDeleted


class Record:
    """Submits events to the trail, and counts operations."""

    def __init__(self, recorder: Recorder, metrics: Metrics, clock: Clock, entropy: Entropy, /) -> None:
        self._recorder = recorder
        self._counts = Counts(metrics)
        self._clock = clock
        self._entropy = entropy

    def new_id(self) -> UUID:
        """An id for an event or an object."""
        return uuid7(clock=self._clock, entropy=self._entropy)

    async def before(self, event: ObjectEvent, /) -> None:
        """Put on record what is about to be done; returns once that is durable."""
        try:
            await self._recorder.submit(event)
        except AegisError as error:
            error.operation = error.operation or "audit.submit"  # so that it is not taken for the store's
            raise

    def failed(self, event: ObjectEvent, error: BaseException, /) -> None:
        """Put on record that it failed after all. Not waited for: the task may be cancelled already."""
        reason = error.code.value if isinstance(error, AegisError) else type(error).__name__
        self._recorder.submit(attrs.evolve(event, outcome="failed", event_id=self.new_id(), reason=reason))

    def count(self, operation: str, error: BaseException | None, /) -> None:
        """Count one operation by its end."""
        self._counts.add(operation, error)

    @contextmanager
    def counting(self, operation: str, /) -> Generator[None]:
        """Count the operation that a block is."""
        try:
            yield
        except BaseException as error:
            self.count(operation, error)
            raise
        self.count(operation, None)
