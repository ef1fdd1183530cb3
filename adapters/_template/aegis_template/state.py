"""A state store in one JSON file: ``{name: [revision, body in base64]}``, written anew and renamed at every change."""

import base64
import fcntl
import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.files import require_there
from aegis_core.kernel.health import Health
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.state import StateCapabilities, StateDocument, check_body, check_listing, check_name, moved_on
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")
R = TypeVar("R")
Documents = dict[str, tuple[str, str]]


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> "TemplateState":
    """Make the adapter for ``template:FILE``. Does no I/O."""
    check_options(url)
    return TemplateState(local_path(url), entropy=deps.entropy, create=deps.create)


class TemplateState:
    """Documents in one file. Processes of one host take turns by a lock on a file beside it.

    Arguments:
        file: made at the first write, with its folder.
        entropy: where revisions come from.
        create: False, for who only looks: nothing is made, and where nothing lies `open` raises ``not_found``.
    """

    name = "template"
    capabilities = StateCapabilities(erases=True)
    backends = EVERY_BACKEND

    def __init__(self, file: Path, /, *, entropy: Entropy = SYSTEM_ENTROPY, create: bool = True) -> None:
        self._file = file
        self._entropy = entropy
        self._create = create

    async def open(self) -> None:
        """Make the folder, or raise."""
        if not self._create:
            require_there(self._file, adapter=self.name)
        await self._hop(lambda: self._file.parent.mkdir(parents=True, exist_ok=True))

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def health(self) -> Health:
        """Up if the file can be read."""
        try:
            count = len(await self._hop(self._read))
        except (OSError, ValueError) as error:
            return Health("down", type(error).__name__)
        return Health("up", facts={"documents": count})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        """Codes of the operating system's errors, and of a file that is not ours."""
        match exc:
            case PermissionError():
                return ErrorCode.PERMISSION_DENIED
            case OSError(errno=number) if number in {ENOSPC, EDQUOT}:
                return ErrorCode.RESOURCE_EXHAUSTED
            case OSError():
                return ErrorCode.UNAVAILABLE
            case json.JSONDecodeError():
                return ErrorCode.INTEGRITY
            case _:
                return None

    def native(self, type_: type[T], /) -> T | None:
        """The file's path."""
        return self._file if isinstance(self._file, type_) else None

    async def get(self, name: str, /) -> StateDocument | None:
        """See the port."""
        check_name(name)
        found = (await self._hop(self._read)).get(name)
        return StateDocument(name, base64.b64decode(found[1]), found[0]) if found else None

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        """See the port."""
        check_name(name)
        check_body(body)
        revision = self._entropy.octets(16).hex()  # random, so that none is used twice
        written = (revision, base64.b64encode(body).decode())

        def change(documents: Documents) -> None:
            found = documents.get(name)
            if (found[0] if found else None) != expected:
                raise moved_on(name, operation="state.put", adapter=self.name)
            documents[name] = written

        await self._hop(lambda: self._change(change))
        return revision

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        """See the port."""
        check_name(name)

        def change(documents: Documents) -> None:
            found = documents.pop(name, None)
            if expected is not None and (not found or found[0] != expected):
                raise moved_on(name, operation="state.delete", adapter=self.name)

        await self._hop(lambda: self._change(change))

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """See the port."""
        check_listing(prefix, after, limit)
        documents = await self._hop(self._read)
        return sorted(name for name in documents if name.startswith(prefix) and name > after)[:limit]

    async def _hop(self, work: Callable[[], R]) -> R:
        return await anyio.to_thread.run_sync(work)  # one hop an operation

    def _read(self) -> Documents:
        # No lock: the file is replaced whole, so a reader sees the old documents or the new.
        try:
            return {name: (pair[0], pair[1]) for name, pair in json.loads(self._file.read_bytes()).items()}
        except FileNotFoundError:
            return {}

    def _change(self, change: Callable[[Documents], None]) -> None:
        with self._locked():
            documents = self._read()
            change(documents)
            fresh = self._file.with_name(f".{self._file.name}.new")
            with fresh.open("wb") as out:
                out.write(json.dumps(documents).encode())
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._file)
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextmanager
    def _locked(self) -> Generator[None]:
        # A descriptor of its own for every change: threads of one process wait for each other as processes do.
        with self._file.with_name(f".{self._file.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
