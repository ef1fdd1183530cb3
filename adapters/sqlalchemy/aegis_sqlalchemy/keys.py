"""Where sealed columns have their keys from, for sessions of both colours."""

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from sqlalchemy import MetaData
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from aegis_core import PHI, AegisError, Classified, ErrorCode, KeyPurpose, Keyring, blocking, current
from aegis_core.crypto import RingKey

#: Gives the keyring when it is needed; the blocking one for sessions, the async one for async sessions.
GivesKeys: TypeAlias = Callable[[], Keyring | blocking.Keyring]

_KEYS: Final = "aegis_keys"


def seal_with(metadata: MetaData, keys: GivesKeys, /) -> None:
    """Say where sealed columns have their keys from: ``seal_with(Base.metadata, lambda: aegis.keys)``.

    Arguments:
        metadata: of the tables.
        keys: asked for whenever a value is sealed or opened.
    """
    metadata.info[_KEYS] = keys


class Keys:
    """The keyring at hand, whatever its colour.

    Raises:
        AegisError: ``invalid_argument`` where nobody said whose it is, or it has to be awaited and nobody awaits.
    """

    __slots__ = ("_awaited", "_ring")

    def __init__(self, metadata: MetaData, /) -> None:
        gives: GivesKeys | None = metadata.info.get(_KEYS)
        if gives is None:
            raise _refused("say where keys come from: seal_with(Base.metadata, lambda: aegis.keys)")
        self._ring: Any = gives()
        self._awaited = isinstance(self._ring, Keyring)
        # Also where the key is at hand: else it would work for a minute, and then no more.
        if not self._awaited and _is_on_a_loop():
            raise _refused("the blocking keyring would stop the event loop: give async sessions the async one")
        if self._awaited and not in_greenlet():
            raise _refused(
                "the async keyring has to be awaited: `await row.awaitable_attrs.name` (AsyncAttrs), or read it in "
                "`await session.run_sync(...)`"
            )

    def named(self, key_id: str, /) -> RingKey:
        """The key with that id, at best without asking anybody."""
        held: RingKey | None = self._ring.cached(key_id)
        return held if held is not None else self._wait(self._ring.key(key_id))

    def of(self, subject: str | None, /) -> RingKey:
        """The key that seals for a subject, or for the tenant where there is none."""
        tenant = current().tenant or ""
        if subject is None:
            return self._wait(self._ring.active(KeyPurpose.WRAP, tenant=tenant))
        return self._wait(self._ring.subject_key(Classified(subject, PHI.MRN), tenant=tenant))

    def index(self) -> RingKey:
        """The key that new tokens are made with."""
        return self._wait(self._ring.active(KeyPurpose.INDEX, tenant=current().tenant or ""))

    def every_index(self) -> list[RingKey]:
        """The keys that tokens were made with; at least one."""
        self.index()
        keys = self._ring.every(KeyPurpose.INDEX, tenant=current().tenant or "")
        return list(await_only(keys) if self._awaited else keys)

    def _wait(self, given: RingKey | Awaitable[RingKey]) -> RingKey:
        return given if isinstance(given, RingKey) else await_only(given)


def _is_on_a_loop() -> bool:
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _refused(message: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="sqlalchemy.sealed")
