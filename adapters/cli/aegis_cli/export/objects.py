"""Copying stored objects into an export: several at once, each whole and noted down, none twice."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread

from aegis_cli.export.folder import OPERATION, ExportFolder, make_folders
from aegis_cli.export.layout import PROGRESS, UNFINISHED, object_file
from aegis_cli.landing import Landing, refused
from aegis_cli.operator import working_for
from aegis_cli.output import Json, Progress
from aegis_core import AegisError, ErrorCode, ObjectInfo, Storage
from aegis_core.storage import ObjectReader, SealedReader

_AT_ONCE: Final = 8
#: How often an object is tried that changes while it is read.
_TRIES: Final = 5

_Line: TypeAlias = dict[str, Json]


class Copying:
    """Copies the objects of stores and tenants. Holds a few dozen bytes an object, whatever its size.

    Arguments:
        progress: told of objects that are done.
    """

    def __init__(self, folder: ExportFolder, progress: Progress, /) -> None:
        self._folder = folder
        self._progress = progress
        self._known = folder.copied()
        numbers = (_number(each) for each in folder.noted(each.at for each in self._known.values()))
        self._numbers = count(1 + max(numbers, default=0))
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._settled: list[int] = []  # places in the progress file
        self._damaged: list[_Line] = []

    @property
    def objects(self) -> int:
        """Objects that the export holds."""
        return len(self._settled)

    @property
    def damaged(self) -> int:
        """Objects that cannot be read."""
        return len(self._damaged)

    def lines(self) -> Iterator[dict[str, Any]]:
        """A line for every object that there is now, in the order in which they were copied; last, the damaged."""
        yield from self._folder.noted(sorted(self._settled))
        yield from self._damaged

    async def copy(self, storage: Storage, *, store: str, tenant: str) -> None:
        """Copy every object of one tenant in one store that an earlier run has not copied."""
        told: _Line = {"store": store, "tenant": tenant}
        with working_for(tenant or None):
            async with anyio.create_task_group() as group:
                async for info in storage.list():
                    name = self._folder.name_of(store, tenant, info.key)
                    known = self._known.get(name)
                    if known is not None and known.etag == info.etag and self._is_there(known.at):
                        self._settle(known.at)
                        continue
                    borrower = object()
                    await self._limit.acquire_on_behalf_of(borrower)
                    group.start_soon(self._copy, storage, info, told, name, borrower)

    async def _copy(self, storage: Storage, info: ObjectInfo, told: _Line, name: str, borrower: object, /) -> None:
        try:
            for left in reversed(range(_TRIES)):
                try:
                    line = await self._land(storage, info.key, told)
                except AegisError as error:
                    if error.code is ErrorCode.CONFLICT and left:
                        continue  # it changed while it was read
                    if not error.operation.startswith("storage."):
                        raise
                    if error.code is ErrorCode.INTEGRITY:
                        self._damaged.append(told | _known_of(info) | {"damaged": error.message})
                        return
                    if error.code is ErrorCode.NOT_FOUND:
                        return  # it was deleted since it was listed
                    raise
                self._settle(self._folder.note(name, str(line["etag"]), line))
                return
        finally:
            self._limit.release_on_behalf_of(borrower)

    async def _land(self, storage: Storage, key: str, told: _Line, /) -> _Line:
        file = object_file(str(told["store"]), next(self._numbers))
        path = self._folder.path / file
        try:
            await anyio.to_thread.run_sync(make_folders, path.parent)
        except OSError as failure:
            raise refused(failure, operation=OPERATION) from None
        reader: ObjectReader | SealedReader
        reader = storage.open(key) if self._folder.opened else storage.sealed(key)
        digest = sha256()
        # A file of this number may be there: of a run that was ended before it was noted.
        async with reader, Landing(path, replace=True, operation=OPERATION) as landing:
            async for piece in reader:
                digest.update(piece)
                await landing.write(piece)
            info = reader.info
            named: _Line
            if isinstance(reader, SealedReader):
                name = reader.sealed_name
                named = {"object": str(reader.object_id), "name": {"key": name.key_id, "box": name.box}}
            else:
                named = {"key": str(info.key)}
        written: _Line = {"file": file, "bytes": landing.size, "size": info.size, "sha256": digest.hexdigest()}
        return told | named | written | _known_of(info)

    def _is_there(self, at: int) -> bool:
        (line,) = self._folder.noted([at])
        try:
            size = (self._folder.path / str(line["file"])).stat().st_size
        except OSError:
            return False
        return size == int(line["bytes"])

    def _settle(self, at: int) -> None:
        self._settled.append(at)
        self._progress(len(self._settled))

    def sums(self) -> dict[str, str]:
        """SHA-256 of every object's file, by name, as it was computed on the way to the disk."""
        return {str(line["file"]): str(line["sha256"]) for line in self.lines() if "file" in line}

    def clear(self, sums: dict[str, str], /) -> None:
        """Take away what earlier runs left: objects that are gone or have changed, and files that got no name."""
        folder = self._folder.path
        kept = {UNFINISHED, PROGRESS}
        for path in list(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            is_stray = (name.startswith("objects/") and name not in sums) or path.name.startswith(".")
            if is_stray and name not in kept and not path.is_dir():
                path.unlink(missing_ok=True)


def _known_of(info: ObjectInfo) -> _Line:
    return {"stored_size": info.stored_size, "etag": info.etag, "modified": info.modified.isoformat()}


def _number(line: dict[str, Any]) -> int:
    return int(str(line["file"]).rpartition("/")[2])
