"""The keyring: every key of the house by purpose and tenant, each subject's key, rotation and shredding."""

import os
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from aegis_core.crypto.cache import BoundedCache
from aegis_core.crypto.documents import place_of
from aegis_core.crypto.failure import no_such_key
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.crypto.port import KeyVault
from aegis_core.crypto.rings import Rings
from aegis_core.crypto.subjects import SubjectKeys
from aegis_core.kernel.backend import refuse_other_loop
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, UnsupportedCapability
from aegis_core.kernel.opened import OpenedAdapters
from aegis_core.kernel.recorder import Recorder, Unrecorded
from aegis_core.kernel.state import StateStore
from aegis_core.marks.classified import Classified

#: Seconds for which an unwrapped key and a ring may be used without asking again: what another process shreds or
#: rotates is seen here within this time.
CACHE_LIFETIME: Final = 60.0
#: Unwrapped keys that are kept at most; a subject's key takes two places.
LARGEST_CACHE: Final = 8192


class Keyring:
    """Gives keys. Lives on one event loop: its methods are safe from many tasks of that loop, not from other threads.

    The keyring owns what it is handed: it opens and closes vault and stores. Services that are handed a keyring borrow
    it, and its `state` with it.

    Arguments:
        vault: wraps the ring's keys.
        state: holds the rings.
        subjects: holds the subjects' keys; must declare ``erases``. None: ``state``, if it does.
    """

    def __init__(
        self,
        vault: KeyVault,
        state: StateStore,
        /,
        *,
        subjects: StateStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._vault = vault
        self._state = state
        self._subject_store = subjects
        self._recorder: Recorder = Unrecorded()
        self._adapters = OpenedAdapters("keyring")
        self._process: int | None = None
        self._thread = 0
        self._keys = BoundedCache[RingKey](clock.monotonic, lifetime=CACHE_LIFETIME, largest=LARGEST_CACHE)
        self._rings = Rings(vault, state, self._keys, lifetime=CACHE_LIFETIME, clock=clock, entropy=entropy)
        store = subjects if subjects is not None else state
        self._subjects = SubjectKeys(store, self._rings, self._keys, clock=clock, entropy=entropy)

    @property
    def state(self) -> StateStore:
        """The store of small documents, for services that borrow this keyring."""
        return self._state

    def report_to(self, recorder: Recorder, /) -> None:
        """Record shreddings there from now on. The trail itself needs a keyring, so it is handed over afterwards."""
        self._recorder = recorder

    async def open(self) -> None:
        """Open vault and stores.

        Raises:
            UnsupportedCapability: the store of subjects' keys does not declare ``erases``.
            AegisError: whatever an adapter raises; what had opened is closed again.
        """
        if self._process is not None:
            self._check()
            return
        subjects = self._subject_store
        if subjects is not None and not subjects.capabilities.erases:
            raise UnsupportedCapability("erases", adapter=subjects.name, operation="keyring.open")
        await self._adapters.open([self._state, self._vault, *([] if subjects is None else [subjects])])
        self._process, self._thread = os.getpid(), threading.get_ident()

    async def aclose(self) -> None:
        """Forget every key, and close stores and vault."""
        self._process = None
        self._keys.clear()
        self._rings.clear()
        await self._adapters.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def active(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey:
        """Give the key for new work, made when first asked for; two processes that ask first get the same key.

        Raises:
            AegisError: ``invalid_argument`` for the purpose ``subject`` (see `subject_key`) or an impossible tenant id.
        """
        self._check(purpose)
        return await self._rings.active(purpose, tenant)

    async def every(self, purpose: KeyPurpose, /, *, tenant: str = "") -> Sequence[RingKey]:
        """Give every key of a purpose that is not destroyed, newest first: to search for what older keys marked.

        Empty until the purpose's first key was made.
        """
        self._check(purpose)
        return await self._rings.every(purpose, tenant)

    async def key(self, key_id: str, /) -> RingKey:
        """Give the key with that id, to open what it sealed.

        Raises:
            AegisError: ``not_found`` if there is none, or it was shredded or destroyed.
        """
        self._check()
        held = self._keys.get(key_id)
        if held is not None:
            return held
        place = place_of(key_id)
        if place is None:
            raise no_such_key()
        if place.digest is None:
            return await self._rings.find(key_id, place.tenant)
        self._need_erasing_store("keyring.key")
        return await self._subjects.find(key_id, place.tenant, place.digest)

    def cached(self, key_id: str, /) -> RingKey | None:
        """Give the key with that id if it was given within the last minute; never waits."""
        return self._keys.get(key_id)

    def active_at_hand(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey | None:
        """Give what `active` gives, if it was given within the last minute; never waits."""
        self._check(purpose)
        return self._rings.active_at_hand(purpose, tenant)

    def subject_key_at_hand(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey | None:
        """Give what `subject_key` gives, if it was given within the last minute; never waits."""
        self._check()
        self._need_erasing_store("keyring.subject_key")
        return self._subjects.at_hand(subject, tenant)

    async def rotate(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey:
        """Make a new active key. The former one still opens what it sealed."""
        self._check(purpose)
        return await self._rings.rotate(purpose, tenant)

    async def rewrap(self) -> int:
        """Wrap every ring key anew that is not wrapped under the vault's active key.

        Subjects' keys and objects are wrapped under ring keys, and stay as they are.

        Returns:
            How many keys were wrapped anew.
        """
        self._check()
        return await self._rings.rewrap()

    async def subject_key(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey:
        """Give a subject's own key, made when first asked for.

        After `shred` it is a new key with a new id: a patient may come back, and what the old key sealed stays lost.

        Arguments:
            subject: whose key; the id never appears in a name, only as a keyed digest.

        Raises:
            UnsupportedCapability: there is no store that erases.
        """
        self._check()
        self._need_erasing_store("keyring.subject_key")
        return await self._subjects.of(subject, tenant)

    async def shred(self, subject: Classified[str], /, *, tenant: str = "", reason: str) -> None:
        """Destroy a subject's key for ever: whatever it sealed can no longer be opened, wherever copies lie.

        The shredding is recorded first (see `report_to`). The key is gone from this process at once, and from the
        others within 60 seconds.

        Arguments:
            reason: for the record, such as the number of the erasure request; nothing classified.

        Raises:
            AegisError: ``invalid_argument`` without a reason.
        """
        self._check()
        self._need_erasing_store("keyring.shred")
        if not reason.strip():
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "shredding needs a reason for the record", operation="keyring.shred"
            )
        await self._subjects.shred(subject, tenant, reason=reason, recorder=self._recorder)

    def _need_erasing_store(self, operation: str) -> None:
        if self._subject_store is None and not self._state.capabilities.erases:
            raise UnsupportedCapability("erases", adapter=self._state.name, operation=operation)

    def _check(self, purpose: KeyPurpose | None = None) -> None:
        if self._process != os.getpid():
            if self._process is not None:
                what = "the keyring"
                raise ForkedError(what)
            raise AegisError(
                ErrorCode.UNAVAILABLE,
                "the keyring is not open: enter it with `async with`, or await open()",
                operation="keyring",
                retryable=False,
            )
        refuse_other_loop(self._thread, "the keyring")
        if purpose is KeyPurpose.SUBJECT:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "a subject's key is asked for with subject_key", operation="keyring"
            )
