"""An upload in parts, several at once, in bounded memory. Blocking, called in thread hops."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_s3.bucket import ADAPTER, Bucket
from aegis_s3.store import Store, plainly


class Parts:
    """One upload in parts. Either `finish` or `abandon` ends it.

    At most ``parallel`` parts are on their way; then `send` waits for the oldest. Buffers are used again, so that there
    are never more than ``parallel`` and the one that is being filled.
    """

    def __init__(self, store: Store, name: str, /) -> None:
        self._store = store
        self._bucket: Bucket = store.bucket
        self._name = name
        self._free: list[bytearray] = []
        self._under_way: deque[Future[None]] = deque()
        self._done: dict[int, tuple[str, str]] = {}
        self._number = 0
        self._ended = threading.Event()
        self._upload_id = plainly(lambda: self._bucket.begin(name, store.limit()))
        self._threads = ThreadPoolExecutor(store.parallel, "aegis-s3-part")

    def buffer(self) -> bytearray:
        """A buffer of one part's size."""
        return self._free.pop() if self._free else bytearray(self._store.part_size)

    def send(self, buffer: bytearray, size: int, /) -> None:
        """Begin to send the first ``size`` bytes as the next part; the buffer is this object's from now on."""
        while len(self._under_way) >= self._store.parallel:
            self._under_way.popleft().result()
        self._number += 1
        number, limit = self._number, self._store.limit()

        def work() -> None:
            self._go_on()
            with memoryview(buffer)[:size] as body:
                self._done[number] = plainly(
                    lambda: self._bucket.part(self._name, self._upload_id, number, body, limit, go_on=self._go_on)
                )
            self._free.append(buffer)

        self._under_way.append(self._threads.submit(work))

    def finish(
        self,
        condition: Mapping[str, str],
        refuse: Callable[[Callable[[], tuple[str, datetime]]], tuple[str, datetime]],
        /,
    ) -> tuple[str, datetime]:
        """Wait for all parts, and make one object of them; gives its etag and date."""
        while self._under_way:
            self._under_way.popleft().result()
        parts = [self._done[number] for number in range(1, self._number + 1)]
        limit = self._store.limit()
        found = refuse(lambda: self._bucket.complete(self._name, self._upload_id, parts, limit, condition=condition))
        self._threads.shutdown()
        self._free.clear()
        return found

    def abandon(self) -> None:
        """End it without an object, once nothing is on its way any more: a late part would stay behind."""
        self._ended.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._under_way.clear()
        self._free.clear()
        self._store.abort(self._name, self._upload_id)

    def _go_on(self) -> None:
        if self._ended.is_set():
            raise AegisError(ErrorCode.CANCELLED, "the upload was ended", adapter=ADAPTER)
