"""What a key vault implements. It only wraps and unwraps; everything else about keys is the keyring's."""

from collections.abc import Mapping
from typing import Final, Protocol

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities

PORT: Final = "keys/1"


@attrs.frozen
class VaultCapabilities(Capabilities):
    """`destroy`: keys can be destroyed for ever. `multi_host`: other hosts reach the same keys."""

    destroy: bool = False
    multi_host: bool = False


@attrs.frozen
class WrappedKey:
    """A key as the vault gave it back: only the vault can open it."""

    key_id: str
    blob: bytes = attrs.field(repr=False)


class KeyVault(Adapter, Protocol):
    """Wraps data keys under keys that never leave the vault.

    Duties, each a case of the kit:

    - Another key, another context or a changed blob is ``integrity``, and the error's text is alike for all three.
    - After `destroy`, `unwrap` is ``not_found``, for ever.
    - ``context`` is authenticated, not secret (services write it to their logs): ASCII, no PHI; anything else is
      ``invalid_argument``.
    - No key stands in ``repr``, in an error, or in the locals of a traceback of ours.
    """

    @property
    def capabilities(self) -> VaultCapabilities: ...

    async def active(self) -> str:
        """The id of the key that `wrap` uses now."""
        ...

    async def wrap(self, key: bytes, /, *, context: Mapping[str, str]) -> WrappedKey:
        """Wrap 16 to 4,096 bytes under the active key, bound to the context."""
        ...

    async def unwrap(self, wrapped: WrappedKey, /, *, context: Mapping[str, str]) -> bytes:
        """Open what `wrap` gave, with the very same context.

        Raises:
            AegisError: ``integrity`` or ``not_found`` (see the class).
        """
        ...

    async def destroy(self, key_id: str, /) -> None:
        """Destroy one key for ever. Needs the capability ``destroy``. The active key: ``precondition_failed``."""
        ...
