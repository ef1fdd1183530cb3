"""Every local state store keeps its promises, and the kit rejects stores with planted bugs."""

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import ClassVar

import anyio
import anyio.lowlevel
import pytest

from aegis_core.kernel.state import StateDocument, StateStore
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.sqlite import state as sqlite_module
from aegis_core.local.sqlite.state import SqliteState
from aegis_core.testing.kit import HarnessFactory, Subject, kill_rate, pytest_cases, run_kit
from aegis_core.testing.kits.state import StateHarness, state_kit

#: Where an fsync costs nothing: no case here ends a process or a machine.
_MEMORY = "/dev/shm"


class Harness:
    """Stores over one folder; `build` makes one that is not open yet."""

    def __init__(self, folder: Path, build: Callable[[Path], StateStore], stack: AsyncExitStack) -> None:
        self.folder = folder
        self._build = build
        self._stack = stack
        self.capabilities = build(folder).capabilities

    async def make(self) -> StateStore:
        store = self._build(self.folder)
        await store.open()
        self._stack.push_async_callback(store.aclose)
        return store

    async def reopen(self, store: StateStore, /) -> StateStore:
        await store.aclose()
        return await self.make()

    async def raw(self) -> bytes:
        # Another process reads: closing a file of SQLite's in this one would drop SQLite's locks on it.
        files = [str(path) for path in self.folder.rglob("*") if path.is_file()]
        return (await anyio.run_process(["cat", *files])).stdout if files else b""


def over(build: Callable[[Path], StateStore]) -> HarnessFactory[StateHarness]:
    @asynccontextmanager
    async def harness() -> AsyncGenerator[StateHarness]:
        folder = Path(tempfile.mkdtemp(prefix="aegis-state-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
        try:
            async with AsyncExitStack() as stack:
                yield Harness(folder, build, stack)
        finally:
            shutil.rmtree(folder)

    return harness


def shared(make: Callable[[], StateStore]) -> Callable[[], Callable[[Path], StateStore]]:
    """A build function whose stores are all one store in memory."""

    def build() -> Callable[[Path], StateStore]:
        stores: dict[Path, StateStore] = {}
        return lambda folder: stores.setdefault(folder, make())

    return build


def in_memory(make: Callable[[], StateStore] = MemoryState) -> HarnessFactory[StateHarness]:
    return over(shared(make)())


def in_file(kind: type[SqliteState] = SqliteState) -> HarnessFactory[StateHarness]:
    return over(lambda folder: kind(folder / "state.db"))


SOUND = {"memory": in_memory(), "file": over(FileState), "sqlite": in_file()}
SUBJECTS = {
    "memory": Subject("memory"),
    "file": Subject("file"),
    "sqlite": Subject(
        "sqlite", emulated={"erases": "freed pages are overwritten, and a checkpoint then empties the write-ahead log"}
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(state_kit, SOUND, SUBJECTS))
async def test_local_state_stores_keep_their_promises(check):
    await check()


# ------------------------------------------------------------------------------------------------- planted bugs


class LastWriterWins(MemoryState):
    async def put(self, name, body, /, *, expected):
        there = self._documents.get(name)
        return await super().put(name, body, expected=there.revision if there else None)


class CreatesOverWhatIsThere(MemoryState):
    async def put(self, name, body, /, *, expected):
        there = self._documents.get(name)
        return await super().put(name, body, expected=there.revision if there and expected is None else expected)


class ChecksThenWrites(MemoryState):
    async def put(self, name, body, /, *, expected):
        there = self._documents.get(name)
        await anyio.lowlevel.checkpoint()
        if (there.revision if there else None) == expected:
            now = self._documents.get(name)
            return await super().put(name, body, expected=now.revision if now else None)
        return await super().put(name, body, expected="stale")


class RevisionIsTheHash(MemoryState):
    async def put(self, name, body, /, *, expected):
        await super().put(name, body, expected=expected)
        revision = hashlib.sha256(body).hexdigest()
        self._documents[name] = StateDocument(name, body, revision)
        return revision


class RevisionStartsAgainAfterDelete(MemoryState):
    async def delete(self, name, /, *, expected=None):
        await super().delete(name, expected=expected)
        self._revisions = 0


class RevisionStartsAgainAfterRestart(MemoryState):
    async def aclose(self):
        if not self._documents:
            self._revisions = 0


class DeleteIgnoresTheRevision(MemoryState):
    async def delete(self, name, /, *, expected=None):
        await super().delete(name)


class DeleteOfNothingFails(MemoryState):
    async def delete(self, name, /, *, expected=None):
        await super().delete(name, expected=expected)
        del self._seen[name]

    _seen: ClassVar[dict[str, bytes]] = {}


class ListingSkips(MemoryState):
    async def names(self, prefix, /, *, after="", limit=1000):
        found = await super().names(prefix, after=after, limit=limit)
        return found[1:] if after and len(found) > 1 else found


class ListingForgetsWhereItWas(MemoryState):
    async def names(self, prefix, /, *, after="", limit=1000):
        every = await super().names(prefix, limit=10_000)
        start = next((i for i, name in enumerate(every) if name >= after), len(every)) if after else 0
        return every[start : start + limit]


class ListingGoesByPosition(MemoryState):
    """A cursor that counts: what is deleted before it shifts everything by one."""

    _given: ClassVar[dict[str, int]] = {}

    async def names(self, prefix, /, *, after="", limit=1000):
        start = self._given.get(after, 0) if after else 0
        found = (await super().names(prefix, limit=10_000))[start : start + limit]
        if found:
            self._given[found[-1]] = start + len(found)
        return found


class ListingIsUnsorted(MemoryState):
    async def names(self, prefix, /, *, after="", limit=1000):
        found = [name for name in self._documents if name.startswith(prefix) and name > after]
        return found[:limit]


class ListingSortsBlindToCase(MemoryState):
    async def names(self, prefix, /, *, after="", limit=1000):
        return sorted(await super().names(prefix, after=after, limit=limit), key=str.casefold)


class BadNamesAreTaken(MemoryState):
    async def put(self, name, body, /, *, expected):
        if name in self._documents or ".." not in name:
            return await super().put(name, body, expected=expected)
        self._documents[name] = StateDocument(name, body, "0")
        return "0"


class CutsLargeBodies(MemoryState):
    async def put(self, name, body, /, *, expected):
        return await super().put(name, body[: 1 << 20], expected=expected)


class SwallowsCancellation(MemoryState):
    async def put(self, name, body, /, *, expected):
        revision = await super().put(name, body, expected=expected)
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException:
            self._documents[name] = StateDocument(name, b"", revision)
            raise
        return revision


class ForgetsAtClose(MemoryState):
    async def aclose(self):
        self._documents.clear()


class FolderOrder(FileState):
    def _walk(self, folder, prefix, after):
        def walk(path):
            for entry in sorted(path.iterdir()):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    yield from walk(entry)
                else:
                    yield str(entry.relative_to(self.root))

        yield from (name for name in walk(self.root) if name.startswith(prefix) and name > after)


class WritesInPlace(FileState):
    """Half a body lies there until somebody has read it, or nobody came."""

    _read = threading.Event()

    def _get(self, name):
        document = super()._get(name)
        self._read.set()
        return document

    def _put(self, name, body, expected):
        revision = super()._put(name, body, expected)
        path = self.root / name
        status = path.stat()
        if len(body) > 1000:
            path.write_bytes(body[: len(body) // 2])
            self._read.clear()
            self._read.wait(0.1)
        path.write_bytes(body)
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
        return revision


class CachesWhatItRead(FileState):
    def __init__(self, root):
        super().__init__(root)
        self.cache = {}

    async def get(self, name, /):
        if name not in self.cache:
            self.cache[name] = await super().get(name)
        return self.cache[name]

    async def put(self, name, body, /, *, expected):
        self.cache.pop(name, None)
        return await super().put(name, body, expected=expected)


class LocksNobodyOut(FileState):
    """Two that write at once both look before either writes."""

    _both = threading.Barrier(2)

    def _revision(self, path):
        found = super()._revision(path)
        try:
            self._both.wait(0.02)
        except threading.BrokenBarrierError:
            self._both.reset()
        return found

    def _put(self, name, body, expected):
        self._lock = self._corner / self._entropy.octets(8).hex()
        return super()._put(name, body, expected)


class LeavesTheLogFull(SqliteState):
    def _erase(self, connection):
        return None


class FreesWithoutOverwriting(SqliteState):
    def _prepare(self, connection):
        super()._prepare(connection)
        connection.execute("PRAGMA secure_delete = OFF").fetchall()


class LeavesBalancedCopies(SqliteState):
    """``secure_delete`` and a checkpoint, and no more: see docs/decisions/0021-erasing-from-sqlite.md."""

    def _prepare(self, connection):
        super()._prepare(connection)
        self._padding = 1

    def _open(self):
        page, sqlite_module._PAGE = sqlite_module._PAGE, 8192
        try:
            super()._open()
        finally:
            sqlite_module._PAGE = page


class MarksAsDeleted(SqliteState):
    def _delete(self, connection, name, expected):
        if expected is not None or self._revision(connection, name) is None:
            return super()._delete(connection, name, expected)
        connection.execute("CREATE TABLE IF NOT EXISTS bin AS SELECT * FROM documents WHERE 0")
        connection.execute("INSERT INTO bin SELECT * FROM documents WHERE name = ?", (name,))
        return super()._delete(connection, name, expected)


PLANTED = {
    "last writer wins": in_memory(LastWriterWins),
    "create replaces": in_memory(CreatesOverWhatIsThere),
    "check, then write": in_memory(ChecksThenWrites),
    "revision is the hash of the body": in_memory(RevisionIsTheHash),
    "revision reused after delete": in_memory(RevisionStartsAgainAfterDelete),
    "revision reused after restart": in_memory(RevisionStartsAgainAfterRestart),
    "delete ignores the revision": in_memory(DeleteIgnoresTheRevision),
    "delete of nothing fails": in_memory(DeleteOfNothingFails),
    "listing skips": in_memory(ListingSkips),
    "listing gives the last name again": in_memory(ListingForgetsWhereItWas),
    "listing counts positions": in_memory(ListingGoesByPosition),
    "listing unsorted": in_memory(ListingIsUnsorted),
    "listing blind to case": in_memory(ListingSortsBlindToCase),
    "listing folder by folder": over(FolderOrder),
    "bad names taken": in_memory(BadNamesAreTaken),
    "large bodies cut": in_memory(CutsLargeBodies),
    "cancelled put leaves a third state": in_memory(SwallowsCancellation),
    "gone after a restart": in_memory(ForgetsAtClose),
    "written in place": over(WritesInPlace),
    "stale cache": over(CachesWhatItRead),
    "a lock of its own": over(LocksNobodyOut),
    "deleted body still in the log": in_file(LeavesTheLogFull),
    "deleted body still in the file": in_file(FreesWithoutOverwriting),
    "deleted body copied by balancing": in_file(LeavesBalancedCopies),
    "deleted body moved to a bin": in_file(MarksAsDeleted),
}


def test_the_kit_rejects_every_planted_bug(capsys):
    report = kill_rate(state_kit, PLANTED)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()


def test_the_kit_runs_without_a_test_framework_and_skips_what_is_not_declared():
    report = run_kit(state_kit, SOUND["file"], backend="trio")
    assert report.ok, str(report)
    assert "what_was_deleted_is_in_no_file" in report.skipped
