"""The log in a folder of its own: copied tile by tile, the checkpoint last, and never in place of another history."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import anyio.to_thread

from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.signing import Signing
from aegis_core.audit.tiles import WIDTH, Tile, tiles_dropped, tiles_grown
from aegis_core.audit.verification import Progress
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.files import classify_os_error, make_folders, remove_quietly, sync_folder, write_new

#: Tiles that are read before one thread hop writes them; at most 32 MiB of entries.
_BATCH: Final = 32

_ReadsTile: TypeAlias = Callable[[Tile], Awaitable[bytes]]


class _Disk:
    """The folder's disk, for errors."""

    name = "folder"

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return classify_os_error(exc)


class LogFolder:
    """A folder that holds a log, or will.

    Arguments:
        read: gives a tile of the published log.
        signing: the trail's keys: only a checkpoint that they signed is grown from.
    """

    def __init__(self, folder: Path, read: _ReadsTile, signing: Signing, /) -> None:
        self._folder = folder
        self._read = read
        self._signing = signing
        self._temporary = folder / ".writing"

    async def kept(self) -> SignedCheckpoint | None:
        """The checkpoint that the folder holds.

        Raises:
            AegisError: ``integrity`` if this trail did not sign it.
        """
        with Wrapping(_Disk(), "audit.export"):
            note = await anyio.to_thread.run_sync(_read_if_there, self._folder / "checkpoint")
        return None if note is None else await self._signing.check(note)

    async def grow(self, old: int, new: SignedCheckpoint, progress: Progress | None, /) -> None:
        """Write everything that a log of this checkpoint has and one of ``old`` entries had not."""
        tiles = iter(tiles_grown(old, new.size))
        while batch := list(islice(tiles, _BATCH)):
            files = [(tile.path, await self._read(tile)) for tile in batch]
            with Wrapping(_Disk(), "audit.export"):
                await anyio.to_thread.run_sync(self._write, files)
            if progress is not None and batch[0].level is None:
                bundles = [tile for tile in batch if tile.level is None]
                progress(bundles[-1].position * WIDTH + bundles[-1].width, new.size)
        keys = "".join(f"{key.encode()}\n" for key in await self._signing.known())
        with Wrapping(_Disk(), "audit.export"):
            await anyio.to_thread.run_sync(self._finish, keys.encode(), old, new)

    def _write(self, files: Iterable[tuple[str, bytes]]) -> None:
        folders: set[Path] = set()
        for name, body in files:
            path = self._folder / name
            if _read_if_there(path) == body:  # of an export that was ended
                continue
            make_folders(path.parent)
            self._replace(path, body)
            folders.add(path.parent)
        for folder in folders:
            sync_folder(folder)

    def _replace(self, path: Path, body: bytes) -> None:
        remove_quietly(self._temporary)
        write_new(self._temporary, [body])
        self._temporary.replace(path)

    def _finish(self, keys: bytes, old: int, new: SignedCheckpoint) -> None:
        make_folders(self._folder)
        self._replace(self._folder / "verifier-keys", keys)
        sync_folder(self._folder)
        self._replace(self._folder / "checkpoint", new.note.encode())
        sync_folder(self._folder)
        self._drop(tiles_dropped(old, new.size))

    def _drop(self, tiles: Sequence[Tile]) -> None:
        for tile in tiles:
            partial = (self._folder / tile.path).parent
            if partial.is_dir():
                for path in list(partial.iterdir()):
                    remove_quietly(path)
                partial.rmdir()


def not_extended(size: int, /) -> AegisError:
    """The folder holds a checkpoint that the log does not extend."""
    return AegisError(
        ErrorCode.INTEGRITY,
        f"the folder holds a checkpoint of {size} entries that the trail does not extend: an old state of the trail "
        "was put back, or it was written anew. Keep the folder, and export into another",
        operation="audit.export",
    )


def _read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
