"""Mail as files: one ``.eml`` a message in a folder, for development, for tests, and for a mail server that picks up.

A file's name follows from the idempotency key, and a name is given once: the same key is one file, also after a kill.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps, Environment
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.files import (
    classify_os_error,
    durability_warning,
    locked,
    make_folders,
    publish_new,
    remove_quietly,
    require_durable,
    require_there,
    sync_folder,
    write_new,
)
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.url import ServiceUrl
from aegis_core.notifications.mime import digest_of, octets_of, plain_address
from aegis_core.notifications.model import ChannelKind, Rendered, Sent
from aegis_core.notifications.port import ChannelCapabilities

T = TypeVar("T")

#: Our own corner of the folder: the lock, and files that have no name yet.
_CORNER: Final = ".mail"
_SENDER: Final = "no-reply@localhost"
#: OSErrors of a folder are never the message's fault: who gets one of the other codes may try again.
_KEPT: Final = frozenset({ErrorCode.PERMISSION_DENIED, ErrorCode.RESOURCE_EXHAUSTED})


class EmlFolder:
    """A `NotificationChannel` for e-mail that writes messages (RFC 5322, MIME) into a folder.

    Several processes of one host may share the folder. The recipient's address stands in the ``To:`` header alone.

    Arguments:
        folder: made when the channel opens, readable for its owner only.
        sender: the address in ``From:``.
        deps: clock, entropy and environment.
    """

    name = "eml"
    kind: ChannelKind = "email"
    capabilities = ChannelCapabilities(idempotent=True, html=True)
    backends = EVERY_BACKEND

    def __init__(self, folder: Path | str, /, deps: AdapterDeps | None = None, *, sender: str = _SENDER) -> None:
        deps = AdapterDeps() if deps is None else deps
        self.folder = Path(folder).absolute()
        self._sender = plain_address(sender, adapter=self.name)
        self._environment: Environment = deps.environment
        self._wall_ns = deps.clock.wall_ns
        self._entropy = deps.entropy
        self._create = deps.create
        self._corner = self.folder / _CORNER
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
        warning = await anyio.to_thread.run_sync(durability_warning, self.folder)
        return Health("degraded", warning) if warning else UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        if not isinstance(exc, OSError):
            return None
        code = classify_os_error(exc)
        return code if code in _KEPT else ErrorCode.UNAVAILABLE

    def native(self, type_: type[T], /) -> T | None:
        return self.folder if isinstance(self.folder, type_) else None

    async def send(self, message: Rendered, /, *, key: str) -> Sent:
        if self._process != os.getpid():
            if self._process != -1:
                raise ForkedError("the mail folder")
            raise AegisError(ErrorCode.UNAVAILABLE, "the mail folder is not open", adapter=self.name, retryable=False)
        digest = digest_of(key)
        body = octets_of(message, digest=digest, sender=self._sender, wall_ns=self._wall_ns(), adapter=self.name)
        await anyio.to_thread.run_sync(self._write, self.folder / f"{digest}.eml", body)
        return Sent("accepted", reference=f"{digest}.eml")

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _open(self) -> None:
        if not self._create:
            require_there(self._corner, adapter=self.name)
        require_durable(self.folder, self._environment, adapter=self.name)
        make_folders(self.folder)
        make_folders(self._corner)
        with locked(self._lock), os.scandir(self._corner) as left:
            for entry in left:  # nobody writes while we hold the lock: these were cut off
                if entry.name != self._lock.name:
                    remove_quietly(Path(entry.path))

    def _write(self, target: Path, body: bytes) -> None:
        with locked(self._lock):
            if target.exists():
                sync_folder(self.folder)  # who gave it its name may have been killed before this
                return
            temporary = self._corner / self._entropy.octets(8).hex()
            write_new(temporary, [body])
            try:
                publish_new(temporary, target)
            except FileExistsError:
                sync_folder(self.folder)


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> EmlFolder:
    """Make one from ``eml:FOLDER`` or ``eml:///FOLDER``; the option ``from`` is the sender's address."""
    options: Mapping[str, str] = url.options
    check_options(url, "from")
    sender = options.get("from", _SENDER)
    try:
        return EmlFolder(local_path(url), deps, sender=sender)
    except SettingsError:
        raise
    except AegisError:
        raise SettingsError([Problem(url.scheme, "needs an e-mail address for from=")]) from None
