"""The storage kit over the local adapters."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio.lowlevel
import attrs
import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.local.filesystem.key_paths import place_of
from aegis_core.local.filesystem.object_folder import ObjectFolder
from aegis_core.local.filesystem.storage import FileReader, FileStorage, FileWriter
from aegis_core.local.memory.storage import MemoryReader, MemoryStorage, MemoryWriter
from aegis_core.storage.model import ByteRange, Match, Page, checked_key
from aegis_core.storage.port import StorageCapabilities
from aegis_core.testing.kit import Subject, kill_rate, pytest_cases
from aegis_core.testing.kits.storage import storage_kit


@attrs.frozen
class MemoryHarness:
    store: MemoryStorage

    @property
    def capabilities(self):
        return self.store.capabilities

    def make(self):
        return self.store

    async def leftovers(self):
        return ()


@attrs.frozen
class FolderHarness:
    root: Path

    @property
    def capabilities(self):
        return FileStorage.capabilities

    def make(self):
        return FileStorage(self.root)

    async def leftovers(self):
        return [path.name for path in (self.root / ".#writing").iterdir()]


@asynccontextmanager
async def memory() -> AsyncGenerator[MemoryHarness]:
    yield MemoryHarness(MemoryStorage())


@asynccontextmanager
async def small_memory() -> AsyncGenerator[MemoryHarness]:
    yield MemoryHarness(MemoryStorage(largest=8 << 20))


@asynccontextmanager
async def folder() -> AsyncGenerator[FolderHarness]:
    with TemporaryDirectory() as root:
        yield FolderHarness(Path(root) / "store")


class PlainMemory(MemoryStorage):
    """A store without conditions, as some servers are."""

    def __init__(self):
        super().__init__()
        self.capabilities = StorageCapabilities()

    def write(self, key, /, *, replace):
        if replace is not True:
            raise UnsupportedCapability("match" if isinstance(replace, Match) else "create", adapter=self.name)
        return super().write(key, replace=replace)

    async def delete(self, key, /, *, only=None):
        if only is not None:
            raise UnsupportedCapability("match", adapter=self.name)
        await super().delete(key)


@asynccontextmanager
async def plain_memory() -> AsyncGenerator[MemoryHarness]:
    yield MemoryHarness(PlainMemory())


SUBJECTS = {
    "memory": Subject("memory"),
    "small-memory": Subject("memory", options="largest=8388608"),
    "folder": Subject(
        "file", emulated={"match": "a lock for each key, under which it looks at the etag and then renames"}
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check",
    pytest_cases(
        storage_kit,
        {"memory": memory, "small-memory": small_memory, "plain-memory": plain_memory, "folder": folder},
        SUBJECTS,
    ),
)
async def test_storage_adapters_keep_their_promises(check):
    await check()


# ---------------------------------------------------------------------------------------------------- planted bugs


class VisibleBeforeComplete(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            await super().write(make)
            self._store.publish(self._key, bytes(self._body), True)

        async def commit(self):
            self._replace = True
            return await super().commit()

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class LostOnCancel(MemoryStorage):
    class Writer(MemoryWriter):
        async def commit(self):
            if self._replace is True:
                self._store._objects.pop(self._key, None)  # makes room, then is cancelled
                await anyio.lowlevel.checkpoint()
            return await super().commit()

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class PublishedThoughCancelled(MemoryStorage):
    class Writer(MemoryWriter):
        async def aclose(self):
            if self._body and not getattr(self, "committed", False):
                self._store.publish(self._key, bytes(self._body), True)
            await super().aclose()

        async def commit(self):
            info = await super().commit()
            self.committed = True
            return info

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class CreateIfAbsentIgnored(MemoryStorage):
    def publish(self, key, body, replace):
        return super().publish(key, body, replace or True)


class CreateCheckedTooEarly(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            if self._replace is False and not self._body and self._key in self._store._objects:
                raise AegisError(ErrorCode.ALREADY_EXISTS, "seen before writing")
            await super().write(make)

        async def commit(self):
            self._replace = self._replace or True
            return await super().commit()

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class MatchIgnored(MemoryStorage):
    def _must_match(self, key, match):
        if key not in self._objects:
            super()._must_match(key, match)


class UnsortedListing(MemoryStorage):
    async def list(self, prefix, /, *, after=None, limit=1000):
        page = await super().list(prefix, after=after, limit=limit)
        return attrs.evolve(page, objects=tuple(sorted(page.objects, key=lambda i: i.key.split("/"))))


class SkippingListing(MemoryStorage):
    """Its cursor is a position: what is deleted before it makes it skip."""

    async def list(self, prefix, /, *, after=None, limit=1000):
        await super().list(prefix, after=after, limit=limit)
        full = (await super().list(prefix, limit=10**6)).objects
        self.positions = getattr(self, "positions", {})
        start = self.positions.get((prefix, after), 0) if after else 0
        if after and not start:
            return await super().list(prefix, after=after, limit=limit)
        found = full[start : start + limit]
        more = start + limit < len(full)
        if more:
            self.positions[prefix, found[-1].key] = start + limit
        return Page(found, found[-1].key if more else None)


class ListingLosesLastOfPage(MemoryStorage):
    async def list(self, prefix, /, *, after=None, limit=1000):
        page = await super().list(prefix, after=after, limit=limit + 1)
        return attrs.evolve(page, objects=page.objects[:limit])


class PrefixIsFolder(MemoryStorage):
    async def list(self, prefix, /, *, after=None, limit=1000):
        folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        return await super().list(folder, after=after, limit=limit)


class RangeStopIncluded(MemoryStorage):
    def read(self, key, /, *, range=None):
        if range is not None and range.stop is not None:
            range = ByteRange(range.start, range.stop + 1)
        return super().read(key, range=range)


class RangeStartOffByOne(MemoryStorage):
    def read(self, key, /, *, range=None):
        if range is not None and range.start:
            range = ByteRange(range.start - 1, range.stop)
        return super().read(key, range=range)


class RangeBeyondEndIsEmpty(MemoryStorage):
    def read(self, key, /, *, range=None):
        found = self._objects.get(key)
        if range is not None and found is not None and range.start > len(found.body):
            range = ByteRange(len(found.body))
        return super().read(key, range=range)


class WrongCodeNotFound(MemoryStorage):
    def find(self, key):
        if key not in self._objects:
            raise AegisError(ErrorCode.INTERNAL, "no such object")
        return super().find(key)


class WrongCodeExists(MemoryStorage):
    def publish(self, key, body, replace):
        if replace is False and key in self._objects:
            raise AegisError(ErrorCode.CONFLICT, "exists")
        return super().publish(key, body, replace)


class WrongCodePrecondition(MemoryStorage):
    def _must_match(self, key, match):
        if key not in self._objects:
            raise AegisError(ErrorCode.NOT_FOUND, "nothing to match")
        super()._must_match(key, match)


class UndeclaredCreateAccepted(MemoryStorage):
    def __init__(self):
        super().__init__()
        self.capabilities = StorageCapabilities(match=True)


class UndeclaredMatchAccepted(MemoryStorage):
    def __init__(self):
        super().__init__()
        self.capabilities = StorageCapabilities(create=True)


class UndeclaredMatchOfDeletionAccepted(MemoryStorage):
    def __init__(self):
        super().__init__()
        self.capabilities = StorageCapabilities(create=True)

    def write(self, key, /, *, replace):
        if isinstance(replace, Match):
            raise UnsupportedCapability("match", adapter=self.name)
        return super().write(key, replace=replace)


class EtagOfContents(MemoryStorage):
    def publish(self, key, body, replace):
        info = attrs.evolve(super().publish(key, body, replace), etag=f"{hash(body):x}")
        self._objects[key] = attrs.evolve(self._objects[key], info=info)
        return info


class MakeCalledTwice(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            for _ in make():
                pass
            await super().write(make)

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class ViewsKeptForLater(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            pieces = list(make())
            await super().write(lambda: pieces)

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class ErrorOfMakeWrapped(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            try:
                await super().write(make)
            except RuntimeError as error:
                raise AegisError(ErrorCode.INTERNAL, "wrapped") from error

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class PublishedThoughMakeRaised(MemoryStorage):
    class Writer(MemoryWriter):
        async def write(self, make, /):
            try:
                await super().write(make)
            finally:
                self._usable = True

    def write(self, key, /, *, replace):
        return self.Writer(self, checked_key(key), replace)


class MixesTwoObjects(MemoryStorage):
    class Reader(MemoryReader):
        async def read(self, take, /):
            if self._found is not None and self._key in self._store._objects:
                self._found = self._store._objects[self._key]
            return await super().read(take)

    def read(self, key, /, *, range=None):
        return self.Reader(self, checked_key(key), range)


class DeletionTakesWhatIsBelow(MemoryStorage):
    async def delete(self, key, /, *, only=None):
        await super().delete(key, only=only)
        for other in [k for k in self._objects if k.startswith(f"{key}/")]:
            del self._objects[other]


class AnyTextIsAKey(MemoryStorage):
    def write(self, key, /, *, replace):
        return MemoryWriter(self, key, replace)


class CaseFolded(MemoryStorage):
    def publish(self, key, body, replace):
        for other in [k for k in self._objects if k != key and k.lower() == key.lower()]:
            del self._objects[other]
        return super().publish(key, body, replace)


def planted(kind):
    @asynccontextmanager
    async def harness():
        yield MemoryHarness(kind())

    return harness


class FaultyFolder(FileStorage):
    folder_type = ObjectFolder

    def __init__(self, root):
        super().__init__(root)
        self._folder = self.folder_type(self.root, AdapterDeps())


class PartsLeftBehind(FileStorage):
    class Writer(FileWriter):
        def _discard(self):
            self._path = None
            super()._discard()

    def write(self, key, /, *, replace):
        return self.Writer(self._folder, checked_key(key), replace)


class WrittenInPlace(FaultyFolder):
    """Opens the object's own file and writes into it, and its readers do not notice: the classic."""

    class Reader(FileReader):
        def _look(self):
            return (0, 0)

    class folder_type(ObjectFolder):
        def _give_name(self, key, place, temporary, replace):
            target = self._path(place)
            if replace is False or not target.exists():
                super()._give_name(key, place, temporary, replace)
                return
            with self._locked(key):
                if isinstance(replace, Match):
                    self.must_match(key, place, replace)
                with target.open("r+b") as file:
                    file.write(temporary.read_bytes())
                    file.truncate()
                shutil.copystat(temporary, target)
                temporary.unlink()

    def read(self, key, /, *, range=None):
        return self.Reader(self._folder, checked_key(key), range)


class MatchCheckedTooEarly(FileStorage):
    """Looks at the etag while it writes, and no more when it publishes."""

    class Writer(FileWriter):
        def _drain(self, make):
            if isinstance(self._replace, Match):
                self._folder.must_match(self._key, place_of(self._key), self._replace)
                self._replace = True
            super()._drain(make)

    def write(self, key, /, *, replace):
        return self.Writer(self._folder, checked_key(key), replace)


class ListingInOrderOfNames(FaultyFolder):
    class folder_type(ObjectFolder):
        def walk(self, folder, text, prefix, after):
            return iter(sorted(super().walk(folder, text, prefix, after), key=lambda pair: str(pair[1])))


def planted_folder(kind):
    @attrs.frozen
    class Harness(FolderHarness):
        def make(self):
            return kind(self.root)

    @asynccontextmanager
    async def harness():
        with TemporaryDirectory() as root:
            yield Harness(Path(root) / "store")

    return harness


BUGS = {
    kind.__name__: planted(kind)
    for kind in (
        VisibleBeforeComplete,
        LostOnCancel,
        PublishedThoughCancelled,
        CreateIfAbsentIgnored,
        CreateCheckedTooEarly,
        MatchIgnored,
        UnsortedListing,
        SkippingListing,
        ListingLosesLastOfPage,
        PrefixIsFolder,
        RangeStopIncluded,
        RangeStartOffByOne,
        RangeBeyondEndIsEmpty,
        WrongCodeNotFound,
        WrongCodeExists,
        WrongCodePrecondition,
        UndeclaredCreateAccepted,
        UndeclaredMatchAccepted,
        UndeclaredMatchOfDeletionAccepted,
        EtagOfContents,
        MakeCalledTwice,
        ViewsKeptForLater,
        ErrorOfMakeWrapped,
        PublishedThoughMakeRaised,
        MixesTwoObjects,
        DeletionTakesWhatIsBelow,
        AnyTextIsAKey,
        CaseFolded,
    )
} | {
    kind.__name__: planted_folder(kind)
    for kind in (PartsLeftBehind, WrittenInPlace, MatchCheckedTooEarly, ListingInOrderOfNames)
}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_every_planted_bug_is_rejected(backend, capsys):
    report = kill_rate(storage_kit, BUGS, backend=backend)
    with capsys.disabled():
        print(f"\n{report}")
    assert not report.survivors
