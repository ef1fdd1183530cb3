"""State documents as files: one file a document, named as the document, holding its body and nothing else.

A document's revision is the time of modification that its file bears, in nanoseconds. We choose it ourselves before the
file gets its name, so body and revision change in the one atomic step that a rename is, and a reader has both from one
descriptor. Each is larger than every one before: than the clock, than that of the document it replaces, and than the
mark that the lock file bears in the same way, which outlives deleted documents. See
``docs/decisions/0020-revision-of-a-state-file.md``.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps, Environment
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.files import (
    classify_os_error,
    durability_warning,
    locked,
    make_folders,
    publish,
    read_whole,
    remove_quietly,
    require_durable,
    require_there,
    sync_file,
    sync_folder,
    write_new,
)
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.state import (
    LARGEST_BODY,
    StateCapabilities,
    StateDocument,
    check_body,
    check_listing,
    check_name,
    is_name,
    moved_on,
)
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")

#: Our own corner of the root: the lock, and files that have no name yet.
_CORNER = ".state"
#: A time that every digit of must come back, or the file system cannot hold revisions.
_PROBE_NS = 1_234_567_890_123_456_789


class FileState:
    """A `StateStore` in a folder that several processes of one host may share. Each call is one thread hop.

    Arguments:
        root: the folder; made when the store opens.
        deps: clock, entropy and environment.
    """

    name = "file"
    capabilities = StateCapabilities()
    backends = EVERY_BACKEND

    def __init__(self, root: Path | str, /, deps: AdapterDeps | None = None) -> None:
        deps = AdapterDeps() if deps is None else deps
        self.root = Path(root).absolute()
        self._environment: Environment = deps.environment
        self._wall_ns = deps.clock.wall_ns
        self._entropy: Entropy = deps.entropy
        self._create = deps.create
        self._corner = self.root / _CORNER
        self._lock = self._corner / "lock"
        self._process = -1

    async def open(self) -> None:
        if self._process != os.getpid():
            await anyio.to_thread.run_sync(self._open)
            self._process = os.getpid()

    async def aclose(self) -> None:
        self._process = -1

    async def health(self) -> Health:
        if self._process == -1:
            return Health("down", "not open")
        warning = await anyio.to_thread.run_sync(durability_warning, self.root)
        return Health("degraded", warning) if warning else UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return classify_os_error(exc)

    def native(self, type_: type[T], /) -> T | None:
        return self.root if isinstance(self.root, type_) else None

    async def get(self, name: str, /) -> StateDocument | None:
        check_name(name)
        return await self._hop(lambda: self._get(name))

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        check_name(name)
        check_body(body)
        return await self._hop(lambda: self._put(name, body, expected))

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        check_name(name)
        await self._hop(lambda: self._delete(name, expected))

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        check_listing(prefix, after, limit)
        return await self._hop(lambda: self._names(prefix, after, limit))

    async def _hop(self, work: Callable[[], T]) -> T:
        if self._process != os.getpid():
            if self._process != -1:
                raise ForkedError("the state store")
            raise AegisError(ErrorCode.UNAVAILABLE, "the state store is not open", adapter=self.name, retryable=False)
        return await anyio.to_thread.run_sync(work)

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _open(self) -> None:
        if not self._create:
            require_there(self._corner, adapter=self.name)
        require_durable(self.root, self._environment, adapter=self.name)
        make_folders(self.root)
        make_folders(self._corner)
        with locked(self._lock) as lock:
            before = os.fstat(lock).st_mtime_ns
            os.utime(lock, ns=(_PROBE_NS, _PROBE_NS))
            exact = os.fstat(lock).st_mtime_ns == _PROBE_NS
            os.utime(lock, ns=(before, before))
            if not exact:
                raise AegisError(
                    ErrorCode.UNSUPPORTED,
                    "the folder's file system keeps no times to the nanosecond, which revisions are made of: "
                    "name a folder on another one, or use sqlite:",
                    operation="open",
                    adapter=self.name,
                )
            for left in os.scandir(self._corner):  # nobody writes while we hold the lock: these were cut off
                if left.name != self._lock.name:
                    remove_quietly(Path(left.path))

    def _get(self, name: str) -> StateDocument | None:
        try:
            body, status = read_whole(self.root / name, largest=LARGEST_BODY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return StateDocument(name, body, _spell(status.st_mtime_ns))

    def _revision(self, path: Path) -> int | None:
        try:
            status = path.stat(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_mtime_ns

    def _put(self, name: str, body: bytes, expected: str | None) -> str:
        target = self.root / name
        with locked(self._lock) as lock:
            there = self._revision(target)
            if target.is_dir():
                raise _is_folder(self.name)
            if (None if there is None else _spell(there)) != expected:
                raise moved_on(name, operation="state.put", adapter=self.name)
            revision = max(self._wall_ns(), os.fstat(lock).st_mtime_ns + 1, (there or 0) + 1)
            # Before the file gets its name: a revision that was seen is never above the mark.
            os.utime(lock, ns=(revision, revision))
            temporary = self._corner / self._entropy.octets(8).hex()
            write_new(temporary, [body], mtime_ns=revision)
            try:
                if there is None and target.parent != self.root:
                    self._make_parents(target.parent)
                publish(temporary, target)
            except BaseException:
                remove_quietly(temporary)
                raise
        return _spell(revision)

    def _make_parents(self, folder: Path) -> None:
        try:
            make_folders(folder)
        except (FileExistsError, NotADirectoryError):
            raise _is_folder(self.name) from None

    def _delete(self, name: str, expected: str | None) -> None:
        target = self.root / name
        with locked(self._lock) as lock:
            there = None if target.is_dir() else self._revision(target)
            if expected is not None and (there is None or _spell(there) != expected):
                raise moved_on(name, operation="state.delete", adapter=self.name)
            if there is None:
                return
            # The mark must outlive the document, also a power cut after which the clock is behind.
            mark = max(os.fstat(lock).st_mtime_ns, there)
            os.utime(lock, ns=(mark, mark))
            sync_file(lock)
            target.unlink()
            sync_folder(target.parent)
            self._prune(target.parent)

    def _prune(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty
                return
            folder = folder.parent

    def _names(self, prefix: str, after: str, limit: int) -> list[str]:
        found: list[str] = []
        for name in self._walk("", prefix, after):
            found.append(name)
            if len(found) == limit:
                break
        return found

    def _walk(self, folder: str, prefix: str, after: str) -> Iterator[str]:
        """Names in the order of their code points. ``folder`` is empty or ends in a slash.

        Within one folder, a folder sorts as its name and a slash: that is how the names inside begin.
        """
        try:
            with os.scandir(self.root / folder) as entries:
                there = sorted(
                    (entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name)
                    for entry in entries
                    if not entry.name.startswith(".") and (folder or entry.name != "journal")
                )
        except (FileNotFoundError, NotADirectoryError):
            return  # went meanwhile
        for part in there:
            name = folder + part
            if part.endswith("/"):
                may_fit = name.startswith(prefix) or prefix.startswith(name)
                if may_fit and after[: len(name)] <= name:
                    yield from self._walk(name, prefix, after)
            elif name.startswith(prefix) and name > after and is_name(name):
                yield name


def _spell(mtime_ns: int) -> str:
    return f"{mtime_ns:x}"


def _is_folder(adapter: str) -> AegisError:
    return AegisError(
        ErrorCode.INVALID_ARGUMENT,
        "the name is another document's folder, or leads through a document",
        operation="state.put",
        adapter=adapter,
    )


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> FileState:
    """Make one from ``file:FOLDER`` (relative to the working directory) or ``file:///FOLDER``."""
    check_options(url)
    return FileState(local_path(url), deps)
