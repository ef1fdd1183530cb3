"""What readers and writers of one bucket share, while it is open. Blocking, called in thread hops."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import botocore.exceptions

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import Key, ObjectInfo
from aegis_s3.bucket import ADAPTER, Bucket, Stored, Upload
from aegis_s3.names import Names
from aegis_s3.reach import unusable
from aegis_s3.refusals import Refusal, refused
from aegis_s3.wire import Limit

T = TypeVar("T")

#: What every object begins with, before 16 random bytes: they make the store's own etag, which is a digest of the
#: contents, a new one with every write.
MAGIC: Final = b"aegis-object/1\n\0"
HEADER_SIZE: Final = len(MAGIC) + 16

#: The name of no key: asked for with a condition that can't hold, to see whether the server looks at conditions.
_PROBE: Final = "=conditions"
_NO_ETAG: Final = "0" * 32


def plainly(call: Callable[[], T], /) -> T:
    """Make a call to the bucket, and raise what it refuses as an `AegisError` without a cause: a driver's own
    exceptions show addresses, and a key stands in those.
    """
    try:
        return call()
    except Refusal as error:
        failure = refused(error, adapter=ADAPTER)
    except botocore.exceptions.BotoCoreError as error:
        failure = unusable(error, ADAPTER)
    raise failure


class Store:
    """An open bucket, and the rules of this adapter.

    Arguments:
        sweep_after: seconds after which an upload that was not ended is taken for a dead process's; None: never.
    """

    def __init__(
        self,
        bucket: Bucket,
        names: Names,
        /,
        *,
        clock: Clock,
        entropy: Entropy,
        part_size: int,
        parallel: int,
        largest: int,
        sweep_after: float | None,
    ) -> None:
        self.bucket = bucket
        self.names = names
        self.part_size = part_size
        self.parallel = parallel
        self.largest = largest
        self._clock = clock
        self._entropy = entropy
        self._sweep_after = sweep_after
        self._owed: deque[tuple[str, str]] = deque()  # uploads that could not be ended when they should have been

    def limit(self) -> Limit:
        """The deadline of the current context."""
        return Limit.current(self._clock, ADAPTER)

    def header(self) -> bytes:
        """The first bytes of a new object."""
        return MAGIC + self._entropy.octets(16)

    def info(self, key: Key, stored: Stored, /) -> ObjectInfo:
        """What the port tells of an object.

        Raises:
            AegisError: ``integrity`` if this adapter has not written it.
        """
        if stored.size < HEADER_SIZE:
            raise foreign()
        return ObjectInfo(key, stored.size - HEADER_SIZE, stored.etag, stored.modified)

    def check_conditions(self, *, match: bool) -> None:
        """See that the server looks at conditions: many that speak like S3 leave out what they do not know.

        Raises:
            AegisError: ``unsupported``.
        """
        name = self.names.prefix + _PROBE
        limit = self.limit()
        if match and not _is_refused(lambda: self.bucket.delete(name, limit, etag=_NO_ETAG)):
            raise _unconditional("deletes", "create")
        condition = {"If-Match": f'"{_NO_ETAG}"'}
        if not _is_refused(lambda: self.bucket.put(name, b"", limit, condition=condition)):
            self.bucket.delete(name, limit)
            raise _unconditional("writes", "none")

    def sweep(self) -> int:
        """End the uploads of processes that died; gives their number."""
        swept = 0
        if self._sweep_after is not None:
            dead = [each for each in self.bucket.uploads(self.names.prefix, self.limit()) if self._is_dead(each)]
            for each in dead:
                self.bucket.abort(each.name, each.upload_id, self.limit())
                swept += 1
        return swept

    def _is_dead(self, upload: Upload) -> bool:
        return (
            self._sweep_after is not None
            and upload.age >= self._sweep_after
            and self.names.key(upload.name) is not None
        )

    def abort(self, name: str, upload_id: str, /) -> None:
        """End an upload; if the server can't be reached now, at the next occasion."""
        self._owed.append((name, upload_id))
        self.settle()

    def settle(self) -> None:
        """End the uploads that are still owed, as far as the server lets us. Raises nothing."""
        for _ in range(len(self._owed)):
            try:
                name, upload_id = self._owed.popleft()
            except IndexError:  # another thread took it
                return
            try:
                plainly(partial(self.bucket.abort, name, upload_id, Limit.clearing(self._clock, ADAPTER)))
            except AegisError:
                self._owed.append((name, upload_id))
                return


def foreign() -> AegisError:
    """The error for an object that this adapter has not written."""
    return AegisError(
        ErrorCode.INTEGRITY,
        "this object was not written by this adapter: give it a bucket, or a prefix, of its own",
        adapter=ADAPTER,
    )


def _is_refused(call: Callable[[], object]) -> bool:
    """Whether a condition that can't hold is refused; where we may not write at all, nobody can tell."""
    try:
        call()
    except Refusal as error:
        if error.status in {401, 403, 404, 409, 412} and error.name != "NoSuchBucket":
            return True
        raise
    return False


def _unconditional(what: str, option: str) -> AegisError:
    return AegisError(
        ErrorCode.UNSUPPORTED,
        f"the server {what} whatever the condition says, so two writers would overwrite each other unseen: write "
        f"conditional={option} into the URL, and do without",
        adapter=ADAPTER,
    )
