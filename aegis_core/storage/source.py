"""Feeding a writer from whatever an application has: each piece is sealed in the adapter's own thread hop."""

import os
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from inspect import iscoroutinefunction
from io import FileIO
from pathlib import Path
from typing import Final, NoReturn, Protocol, TypeAlias, cast

import anyio
import anyio.to_thread

from aegis_core.crypto.stream import Sealer
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import classify_os_error
from aegis_core.kernel.lifetimes import shielded
from aegis_core.storage.port import Writer


class Readable(Protocol):
    """A binary file that the application has open: sync, or async as those of anyio and aiofiles are."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]: ...


#: What can be uploaded. A `Path` is read in the thread that seals and writes it.
Source: TypeAlias = bytes | bytearray | memoryview | Path | Readable | Iterable[bytes] | AsyncIterable[bytes]

#: Plaintext bytes of one hop.
PIECE: Final = 1 << 20
#: Bytes that an open file is asked for at once.
READ_SIZE: Final = 1 << 16

_Make: TypeAlias = Callable[[], Iterator[bytes | memoryview]]
_Buffer: TypeAlias = bytes | bytearray | memoryview


class Feed:
    """Seals one source into one writer.

    Arguments:
        head: what stands in front of the sealed stream, its own header included.
        sealer: seals the stream.
    """

    def __init__(self, head: bytes, sealer: Sealer, /) -> None:
        self._head = head
        self._sealer = sealer
        #: Bytes of plaintext so far; all of them once `send` has returned.
        self.size = 0
        #: What the source itself raised: the caller's own exception, to be let out as it is.
        self.failure: Exception | None = None
        self._file: _File | None = None

    async def send(self, source: Source, writer: Writer, /) -> None:
        """Write the whole source. The adapter may hold the last piece back until `commit`.

        Raises:
            AegisError: ``invalid_argument`` for what is no source; ``conflict`` if a file changed while it was read;
                what the adapter raises, and what the source raises, unchanged.
        """
        match source:
            case bytes() | bytearray() | memoryview():
                await self._send_buffer(_flat(source), writer)
            case Path():
                await self._send_file(source, writer)
            case object(read=read) if callable(read):  # its own iteration would give lines, of any length
                if iscoroutinefunction(read):
                    await self._send_async(_async_pieces(read), writer)
                else:
                    await self._send_iterator(cast("Iterator[bytes]", iter(partial(read, READ_SIZE), b"")), writer)
            case str():
                _refuse("text is no source: encode it, or name a file by a pathlib.Path")
            case AsyncIterable():
                await self._send_async(source, writer)
            case Iterable():
                try:
                    pieces = iter(source)
                except Exception as error:
                    self.failure = error
                    raise
                await self._send_iterator(pieces, writer)
            case _:
                _refuse("a source is bytes, a Path, an open binary file, or an iterable or async iterable of bytes")

    async def _send_buffer(self, view: memoryview, writer: Writer) -> None:
        self.size = size = len(view)
        for start in range(0, max(size, 1), PIECE):
            await self._write(writer, view[start : start + PIECE], last=start + PIECE >= size)

    async def _send_async(self, source: AsyncIterable[bytes], writer: Writer) -> None:
        try:
            pieces = aiter(source)
        except Exception as error:
            self.failure = error
            raise
        try:
            await self._send_pieces(pieces, writer)
        finally:
            # A generator that is left in the middle must be closed by who left it, or its clean-up runs anywhere.
            close: Callable[[], Awaitable[None]] | None = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    async def _send_pieces(self, pieces: AsyncIterator[bytes], writer: Writer) -> None:
        held: list[memoryview] = []
        count = 0
        while (piece := await self._next(pieces)) is not None:
            view = _flat(piece)
            self.size += len(view)
            while count + len(view) > PIECE:  # one byte more than a piece: this is not the last one
                room = PIECE - count
                await self._write(writer, *held, view[:room])
                held, count, view = [], 0, view[room:]
            if len(view):
                held.append(view)
                count += len(view)
        await self._write(writer, *held, last=True)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        try:
            return await anext(pieces)
        except StopAsyncIteration:
            return None
        except Exception as error:
            self.failure = error
            raise

    async def _send_iterator(self, pieces: Iterator[bytes], writer: Writer) -> None:
        ended = threading.Event()

        def pull() -> Iterator[memoryview]:
            count = 0
            while count < PIECE:
                try:
                    piece = next(pieces)
                except StopIteration:
                    ended.set()
                    return
                view = _flat(piece)
                count += len(view)
                self.size += len(view)
                yield view

        def make() -> Iterator[bytes | memoryview]:
            if ended.is_set():  # the piece before, which the adapter held back, was the last
                return
            yield from self._seal(pull())
            if ended.is_set():
                yield from self._sealer.seal((), last=True)

        # An adapter that holds a piece back pulls it only when it gets the next one: until then the end is not seen,
        # so the size is known for certain before the commit.
        while not ended.is_set():
            await writer.write(self._guarded(make))

    async def _send_file(self, path: Path, writer: Writer) -> None:
        self._file = file = _File(path)
        self.size = size = await anyio.to_thread.run_sync(file.open)
        for start in range(0, max(size, 1), PIECE):
            last = start + PIECE >= size

            def make(count: int = min(PIECE, size - start), *, last: bool = last) -> Iterator[bytes | memoryview]:
                yield from self._seal([file.read(count, last=last)], last=last)

            await writer.write(self._guarded(make))

    async def aclose(self) -> None:
        """Let go of the source's file. Idempotent."""
        if self._file is not None:
            file, self._file = self._file, None
            with shielded():
                await anyio.to_thread.run_sync(file.close)

    async def _write(self, writer: Writer, *pieces: memoryview, last: bool = False) -> None:
        await writer.write(self._guarded(lambda: self._seal(pieces, last=last)))

    def _seal(self, pieces: Iterable[_Buffer], *, last: bool = False) -> Iterator[bytes | memoryview]:
        if self._head:
            head, self._head = self._head, b""
            yield head
        yield from self._sealer.seal(pieces, last=last)

    def _guarded(self, make: _Make) -> _Make:
        def guarded() -> Iterator[bytes | memoryview]:
            try:
                yield from make()
            except Exception as error:
                self.failure = error
                raise

        return guarded


async def _async_pieces(read: Callable[[int], Awaitable[bytes]]) -> AsyncGenerator[bytes]:
    while piece := await read(READ_SIZE):
        yield piece


class _File:
    """A file that must not change while it is read. Its thread may go on after a task was cancelled: hence the lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._closed = False
        self._mark = (0, 0)
        self._buffer = memoryview(b"")

    def open(self) -> int:
        """Open it and give its size."""
        with self._lock:
            if self._closed:
                _ended()
            try:
                self._file = FileIO(self._path, opener=_open_without_waiting)
                status = os.fstat(self._file.fileno())
            except OSError as error:
                raise _refused(error) from None
            if not stat.S_ISREG(status.st_mode):
                _refuse("the source's path names no regular file: hand over an iterable that reads it")
            self._mark = (status.st_size, status.st_mtime_ns)
            self._buffer = memoryview(bytearray(min(PIECE, status.st_size)))
            return status.st_size

    def read(self, count: int, *, last: bool) -> memoryview:
        """Read exactly the next ``count`` bytes, into one buffer that the next call overwrites."""
        with self._lock:
            if self._file is None:
                _ended()
            filled = 0
            try:
                while filled < count and (got := self._file.readinto(self._buffer[filled:count])):
                    filled += got
                status = os.fstat(self._file.fileno())
            except OSError as error:
                raise _refused(error) from None
            if filled < count or (last and (status.st_size, status.st_mtime_ns) != self._mark):
                raise AegisError(
                    ErrorCode.CONFLICT, "the file was changed while it was read: upload it again once it is finished"
                )
            return self._buffer[:count]

    def close(self) -> None:
        """Close it; what comes later is refused."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe must not hang us before it is refused


def _ended() -> NoReturn:
    raise AegisError(ErrorCode.CANCELLED, "the upload has ended already")


def _refused(error: OSError) -> AegisError:
    # The file's name may hold a patient's: it stays out of the error, and so does its cause.
    code = classify_os_error(error) or ErrorCode.INTERNAL
    return AegisError(code, f"the source's file cannot be read: {os.strerror(error.errno or 0)}")


def _flat(piece: object) -> memoryview:
    try:
        view = memoryview(piece)  # type: ignore[arg-type]
    except TypeError:
        _refuse("a source gives bytes")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message)
