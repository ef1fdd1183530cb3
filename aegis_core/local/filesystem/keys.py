"""A key vault in a folder of this machine.

It protects copies of data that were made without it (a backup, a stolen disk of the data, another account), and makes
shredding possible. It protects nothing from somebody who reads the application's home.
"""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import anyio.to_thread

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.port import VaultCapabilities, WrappedKey
from aegis_core.crypto.wrapping import (
    NONCE_SIZE,
    check_wrappable,
    context_octets,
    refuse_active,
    unwrap_under,
    wrap_under,
)
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps, Environment
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import durability_warning, require_durable, require_there
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.key_folder import ADAPTER, KeyFolder

T = TypeVar("T")

_SETTING: Final = "AEGIS_KEYS"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileVault:
    """A `KeyVault` in a folder. Processes of one host may share it; every call reads the folder as it is.

    Arguments:
        folder: made with mode 0700 where there is none; one that others may read is refused at open.
        passphrase: protects the keys by scrypt. None: they lie there bare.
        environment: in production a network, overlay or memory file system is refused; elsewhere `health` tells.
        create: see `AdapterDeps`.
    """

    name = ADAPTER
    capabilities = VaultCapabilities(destroy=True)
    backends = EVERY_BACKEND

    def __init__(
        self,
        folder: Path,
        /,
        *,
        passphrase: str | None = None,
        environment: Environment = "development",
        create: bool = True,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._path = folder.absolute()
        self._passphrase = None if passphrase is None else KeyMaterial(passphrase.encode())
        self._environment: Environment = environment
        self._create = create
        self._clock = clock
        self._entropy = entropy
        self._folder: KeyFolder | None = None

    async def open(self) -> None:
        if self._folder is None:
            self._folder = await anyio.to_thread.run_sync(self._opened)

    async def aclose(self) -> None:
        self._folder = None

    async def health(self) -> Health:
        folder = self._folder
        if folder is None:
            return Health("down", "not open")
        try:
            count = await anyio.to_thread.run_sync(folder.count)
            warning = await anyio.to_thread.run_sync(durability_warning, self._path)
        except OSError as error:
            return Health("down", f"the key folder cannot be read: {type(error).__name__}")
        if folder.is_bare:
            warning = "the keys lie bare: whoever reads this folder has them"
        return Health("degraded" if warning else "up", warning, {"keys": count})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        match exc:
            case PermissionError():
                return ErrorCode.PERMISSION_DENIED
            case FileNotFoundError():
                return ErrorCode.NOT_FOUND
            case OSError(errno=number) if number in _FULL:
                return ErrorCode.RESOURCE_EXHAUSTED
            case OSError():
                return ErrorCode.UNAVAILABLE
            case _:
                return None

    def native(self, type_: type[T], /) -> T | None:
        return self._path if isinstance(self._path, type_) else None

    async def active(self) -> str:
        return await anyio.to_thread.run_sync(self._here().active)

    async def rotate(self) -> str:
        """Make a new active key and give its id; the former ones still unwrap. Rewrap the keyring afterwards."""
        return await anyio.to_thread.run_sync(self._here().rotate)

    async def wrap(self, key: bytes, /, *, context: Mapping[str, str]) -> WrappedKey:
        held = KeyMaterial(key)
        del key  # a traceback shows locals: from here on none of ours is the key
        check_wrappable(held, adapter=self.name)
        bound = context_octets(context, adapter=self.name)
        folder, octets = self._here(), self._entropy.octets

        def hop() -> WrappedKey:
            key_id = folder.active()
            under = folder.load(key_id)
            return WrappedKey(key_id, wrap_under(under, held, key_id=key_id, context=bound, nonce=octets(NONCE_SIZE)))

        return await anyio.to_thread.run_sync(hop)

    async def unwrap(self, wrapped: WrappedKey, /, *, context: Mapping[str, str]) -> bytes:
        bound = context_octets(context, adapter=self.name)
        folder = self._here()

        def hop() -> KeyMaterial:
            under = folder.load(wrapped.key_id)
            return unwrap_under(under, wrapped.blob, key_id=wrapped.key_id, context=bound, adapter=ADAPTER)

        return (await anyio.to_thread.run_sync(hop)).octets

    async def destroy(self, key_id: str, /) -> None:
        folder = self._here()

        def hop() -> None:
            if key_id == folder.active():
                refuse_active(ADAPTER)
            folder.destroy(key_id)

        await anyio.to_thread.run_sync(hop)

    def _opened(self) -> KeyFolder:
        folder = KeyFolder(self._path, octets=self._entropy.octets, wall_ns=self._clock.wall_ns)
        if not self._create:
            require_there(self._path / "active", adapter=self.name)
        require_durable(self._path, self._environment, adapter=self.name)
        folder.open(self._passphrase)
        return folder

    def _here(self) -> KeyFolder:
        if self._folder is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE, "the vault is not open: await open()", adapter=self.name, retryable=False
            )
        return self._folder


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> FileVault:
    """Make one from ``file:FOLDER`` or ``file:FOLDER?passphrase=NAME``, where NAME is a secret's name, not the secret.

    Production refuses a folder without a passphrase.
    """
    check_options(url, "passphrase")
    path = local_path(url)
    problems: list[Problem] = []
    passphrase = _secret(url.options.get("passphrase"), deps.secrets, problems)
    if deps.environment == "production":
        if "passphrase" not in url.options:
            problems.append(
                Problem(
                    _SETTING,
                    "must not be a folder of bare keys in production",
                    hint="file:FOLDER?passphrase=NAME, where NAME is the name of a secret; or a key service",
                )
            )
        if not deps.entropy.secure:
            problems.append(Problem(_SETTING, "needs secure random numbers in production", hint="use the system's"))
    if problems:
        raise SettingsError(problems)
    return FileVault(
        path,
        passphrase=passphrase,
        environment=deps.environment,
        create=deps.create,
        clock=deps.clock,
        entropy=deps.entropy,
    )


def _secret(name: str | None, secrets: Callable[[str], str | None], problems: list[Problem]) -> str | None:
    if name is None:
        return None
    found = secrets(name) if name else None
    if not found:
        problems.append(
            Problem(
                _SETTING, "names a passphrase that is no secret here", hint="passphrase= takes the NAME of a secret"
            )
        )
    return found
