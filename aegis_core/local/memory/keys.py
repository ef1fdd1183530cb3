"""A key vault in this process's memory: for tests and for trying things out. Its keys end with the process."""

from collections.abc import Mapping
from typing import TypeVar

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.port import VaultCapabilities, WrappedKey
from aegis_core.crypto.wrapping import (
    NONCE_SIZE,
    VAULT_KEY_SIZE,
    check_wrappable,
    context_octets,
    refuse_active,
    refuse_missing,
    unwrap_under,
    wrap_under,
)
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import check_options
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")


class MemoryVault:
    """A `KeyVault` in a dictionary. What it holds survives `aclose`, so that a test may open it again."""

    name = "memory"
    capabilities = VaultCapabilities(destroy=True)
    backends = EVERY_BACKEND

    def __init__(self, *, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self._octets = entropy.octets
        self._keys: dict[str, KeyMaterial | None] = {}  # None: destroyed
        self._active = ""

    async def open(self) -> None: ...

    async def aclose(self) -> None: ...

    async def health(self) -> Health:
        return Health("up", facts={"keys": sum(key is not None for key in self._keys.values())})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return None

    def native(self, type_: type[T], /) -> T | None:
        return None

    async def active(self) -> str:
        return self._active or await self.rotate()

    async def rotate(self) -> str:
        """Make a new active key and give its id; the former ones still unwrap."""
        self._active = f"m{len(self._keys) + 1}"
        self._keys[self._active] = KeyMaterial(self._octets(VAULT_KEY_SIZE))
        return self._active

    async def wrap(self, key: bytes, /, *, context: Mapping[str, str]) -> WrappedKey:
        held = KeyMaterial(key)
        del key  # a traceback shows locals: from here on none of ours is the key
        check_wrappable(held, adapter=self.name)
        bound = context_octets(context, adapter=self.name)
        key_id = await self.active()
        nonce = self._octets(NONCE_SIZE)
        return WrappedKey(key_id, wrap_under(self._find(key_id), held, key_id=key_id, context=bound, nonce=nonce))

    async def unwrap(self, wrapped: WrappedKey, /, *, context: Mapping[str, str]) -> bytes:
        bound = context_octets(context, adapter=self.name)
        key = self._find(wrapped.key_id)
        return unwrap_under(key, wrapped.blob, key_id=wrapped.key_id, context=bound, adapter=self.name).octets

    async def destroy(self, key_id: str, /) -> None:
        if key_id == await self.active():
            refuse_active(self.name)
        if key_id not in self._keys:
            refuse_missing(self.name, operation="vault.destroy")
        self._keys[key_id] = None

    def _find(self, key_id: str) -> KeyMaterial:
        return self._keys.get(key_id) or refuse_missing(self.name)


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> MemoryVault:
    """Make one from ``memory:``. Production refuses it: everything sealed would be lost with the process."""
    check_options(url)
    if deps.environment == "production":
        raise SettingsError(
            [
                Problem(
                    "AEGIS_KEYS",
                    "must not be memory: in production, where everything sealed would be lost with the process",
                    hint="name a key service, or a folder with a passphrase: file:///var/lib/clinic/keys?passphrase=NAME",
                )
            ]
        )
    return MemoryVault(entropy=deps.entropy)
