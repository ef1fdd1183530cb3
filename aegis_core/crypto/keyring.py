"""The keyring: every key of the house by purpose and tenant, each subject's key, rotation and shredding."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from hmac import compare_digest
from types import TracebackType
from typing import Final, NoReturn, Self

import anyio
import attrs
from cryptography.exceptions import InvalidTag

from aegis_core.crypto.cache import BoundedCache
from aegis_core.crypto.fields import NONCE_SIZE, subject_digest
from aegis_core.crypto.flight import SingleFlight
from aegis_core.crypto.model import KeyPurpose, RingKey, SubjectShredded
from aegis_core.crypto.port import KeyVault, WrappedKey
from aegis_core.crypto.ring import (
    RINGS,
    SECRET_SIZE,
    Ring,
    RingEntry,
    SubjectEntry,
    key_check,
    place_of,
    ring_name,
    subject_key_id,
    subject_name,
    tenant_of,
    vault_context,
)
from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.backend import refuse_other_backend
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, UnsupportedCapability
from aegis_core.kernel.recorder import Recorder, Unrecorded
from aegis_core.kernel.state import StateStore
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose

#: Seconds for which an unwrapped key and a ring may be used without asking again: what another process shreds or
#: rotates is seen here within this time.
CACHE_LIFETIME: Final = 60.0
#: Unwrapped keys that are kept at most; a subject's key takes two places.
LARGEST_CACHE: Final = 8192
#: Tenants whose rings are kept at most.
LARGEST_RING_CACHE: Final = 1024

_SUBJECT_WRAP: Final = b"aegis/subject/v1\x00"
_MOST_CONFLICTS: Final = 64


@attrs.frozen
class _Loaded:
    ring: Ring
    revision: str | None


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
        self._subjects = subjects
        self._clock = clock
        self._entropy = entropy
        self._recorder: Recorder = Unrecorded()
        self._opened: tuple[Adapter, ...] = ()
        self._process: int | None = None
        self._keys = BoundedCache[RingKey](clock.monotonic, lifetime=CACHE_LIFETIME, largest=LARGEST_CACHE)
        self._rings = BoundedCache[_Loaded](clock.monotonic, lifetime=CACHE_LIFETIME, largest=LARGEST_RING_CACHE)
        self._key_flights = SingleFlight[RingKey]()
        self._ring_flights = SingleFlight[_Loaded]()

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
        subjects = self._subjects
        if subjects is not None and not subjects.capabilities.erases:
            raise UnsupportedCapability("erases", adapter=subjects.name, operation="keyring.open")
        if subjects is None and self._state.capabilities.erases:
            self._subjects = self._state
        adapters: list[Adapter] = [self._state, self._vault]
        if subjects is not None and subjects is not self._state:
            adapters.append(subjects)
        for adapter in adapters:
            refuse_other_backend(adapter, operation="keyring.open")
        try:
            for adapter in adapters:
                self._opened = (*self._opened, adapter)
                with _wrapping(adapter, "keyring.open"):
                    await adapter.open()
        except BaseException:
            await self.aclose()
            raise
        self._process = os.getpid()

    async def aclose(self) -> None:
        """Forget every key, and close stores and vault."""
        opened, self._opened = self._opened, ()
        self._process = None
        self._keys.clear()
        self._rings.clear()
        failure: Exception | None = None
        with anyio.CancelScope(shield=True):
            for adapter in reversed(opened):
                try:
                    with _wrapping(adapter, "keyring.aclose"):
                        await adapter.aclose()
                except Exception as error:  # noqa: BLE001 - the others are closed too; the first error is raised below
                    failure = failure or error
        if failure is not None:
            raise failure

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
        self._check()
        _refuse_subject_purpose(purpose)
        loaded = self._rings.get(tenant)
        if loaded is not None and (entry := loaded.ring.active(purpose)) is not None:
            return self._keys.get(entry.id) or await self._unwrapped(entry, tenant)
        return await self._key_flights.run(
            f"active {purpose.value} {tenant}", partial(self._add_unless_active, purpose, tenant)
        )

    async def key(self, key_id: str, /) -> RingKey:
        """Give the key with that id, to open what it sealed.

        Raises:
            AegisError: ``not_found`` if there is none, or it was shredded or destroyed.
        """
        self._check()
        return self._keys.get(key_id) or await self._key_flights.run(
            f"key {key_id} {self._keys.purges}", partial(self._find, key_id)
        )

    def cached(self, key_id: str, /) -> RingKey | None:
        """Give the key with that id if it was given within the last minute; never waits, and may be called anywhere."""
        return self._keys.get(key_id)

    async def every(self, purpose: KeyPurpose, /, *, tenant: str = "") -> Sequence[RingKey]:
        """Give every key of a purpose that is not destroyed, newest first: to search for what older keys marked.

        Empty until the purpose's first key was made.
        """
        self._check()
        _refuse_subject_purpose(purpose)
        loaded = self._rings.get(tenant) or await self._load(tenant)
        return [await self._unwrapped(entry, tenant) for entry in loaded.ring.of(purpose)]

    async def rotate(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey:
        """Make a new active key. The former one still opens what it sealed."""
        self._check()
        _refuse_subject_purpose(purpose)
        for _ in range(_MOST_CONFLICTS):
            added = await self._add(await self._load(tenant), purpose)
            if added is not None:
                return added
        raise _give_up("keyring.rotate", self._state)

    async def rewrap(self) -> int:
        """Wrap every ring key anew that is not wrapped under the vault's active key. Subjects' keys and objects are
        wrapped under ring keys, and stay as they are.

        Returns:
            How many keys were wrapped anew.
        """
        self._check()
        with _wrapping(self._vault, "keyring.rewrap", secret=True):
            active = await self._vault.active()
        count, after = 0, ""
        while True:
            with _wrapping(self._state, "keyring.rewrap"):
                names = await self._state.names(RINGS, after=after)
            if not names:
                return count
            for name in names:
                count += await self._rewrap_ring(tenant_of(name), active)
            after = names[-1]

    async def subject_key(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey:
        """Give a subject's own key, made when first asked for. After `shred` it is a new key, with a new id: a patient
        may come back, and what the old key sealed stays lost.

        Arguments:
            subject: whose key; the id never appears in a name, only as a keyed digest.

        Raises:
            UnsupportedCapability: there is no store that erases.
        """
        self._check()
        store = self._subject_store("keyring.subject_key")
        index = await self.active(KeyPurpose.INDEX, tenant=tenant)
        name = subject_name(tenant, _digest(index, subject, tenant))
        # A call that was under way before a shredding may still bring the shredded key: nobody joins it afterwards.
        return self._keys.get(name) or await self._key_flights.run(
            f"{name} {self._keys.purges}", partial(self._find_or_make_subject_key, store, subject, tenant)
        )

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
        store = self._subject_store("keyring.shred")
        if not reason.strip():
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "shredding needs a reason for the record", operation="keyring.shred"
            )
        loaded = await self._load(tenant)
        # Every index key that there ever was: the subject's document is named by the one of its time.
        digests = await self._digests(loaded.ring, subject)
        names = [subject_name(tenant, digest) for digest in digests]
        key_ids: list[str] = []
        for name in names:
            with _wrapping(store, "keyring.shred"):
                document = await store.get(name)
            if document is not None:
                key_ids.append(_id_of(document.body))
        await self._recorder.submit(SubjectShredded(reason=reason, keys=tuple(key_ids)))
        try:
            for name in names:
                self._forget(digests)
                with _wrapping(store, "keyring.shred"):
                    await store.delete(name)
        finally:
            self._forget(digests)  # what was read between the two is forgotten too

    # Rings

    async def _load(self, tenant: str) -> _Loaded:
        return await self._ring_flights.run(tenant, partial(self._read_ring, tenant))

    async def _read_ring(self, tenant: str) -> _Loaded:
        name = ring_name(tenant)
        asked = self._clock.monotonic()
        with _wrapping(self._state, "keyring"):
            document = await self._state.get(name)
        if document is None:
            return _Loaded(Ring(tenant), None)
        loaded = _Loaded(Ring.decode(document.body, tenant=tenant), document.revision)
        self._remember(loaded, asked)
        return loaded

    def _remember(self, loaded: _Loaded, asked: float) -> None:
        tenant = loaded.ring.tenant
        self._rings.put(tenant, loaded, asked=asked)
        for entry in loaded.ring.entries:
            key = self._keys.get(entry.id)
            if key is not None and key.state != entry.state:
                if entry.state == "destroyed":
                    self._keys.purge(entry.id.__eq__)
                else:
                    self._keys.put(entry.id, attrs.evolve(key, state=entry.state), asked=asked)

    async def _add_unless_active(self, purpose: KeyPurpose, tenant: str) -> RingKey:
        for _ in range(_MOST_CONFLICTS):
            loaded = await self._load(tenant)
            entry = loaded.ring.active(purpose)
            if entry is not None:
                return await self._unwrapped(entry, tenant)
            added = await self._add(loaded, purpose)
            if added is not None:
                return added
        raise _give_up("keyring.active", self._state)

    async def _add(self, loaded: _Loaded, purpose: KeyPurpose) -> RingKey | None:
        """Add an active key; None: another process changed the ring meanwhile."""
        ring = loaded.ring
        asked = self._clock.monotonic()
        key = RingKey(ring.next_id(), purpose, "active", self._entropy.octets(SECRET_SIZE))
        entry = RingEntry(
            id=key.id,
            purpose=purpose,
            state="active",
            created=self._clock.wall_ns() // 1_000_000,
            wrapped=await self._wrap(key, ring.tenant),
            check=key_check(key),
        )
        changed = ring.with_active(entry)
        revision = await self._replace(changed, loaded.revision)
        if revision is None:
            return None
        self._keys.put(key.id, key, asked=asked)
        self._remember(_Loaded(changed, revision), asked)
        return key

    async def _wrap(self, key: RingKey, tenant: str) -> WrappedKey:
        with _wrapping(self._vault, "keyring", secret=True):
            return await self._vault.wrap(key.secret, context=vault_context(key.id, key.purpose, tenant))

    async def _replace(self, ring: Ring, revision: str | None) -> str | None:
        try:
            with _wrapping(self._state, "keyring"):
                return await self._state.put(ring_name(ring.tenant), ring.encode(), expected=revision)
        except AegisError as error:
            if error.code is ErrorCode.CONFLICT:
                return None
            raise

    async def _unwrapped(self, entry: RingEntry, tenant: str) -> RingKey:
        return self._keys.get(entry.id) or await self._key_flights.run(
            f"unwrap {entry.id}", partial(self._unwrap, entry, tenant)
        )

    async def _unwrap(self, entry: RingEntry, tenant: str) -> RingKey:
        asked = self._clock.monotonic()
        with _wrapping(self._vault, "keyring", secret=True):
            key = RingKey(
                entry.id,
                entry.purpose,
                entry.state,
                await self._vault.unwrap(entry.wrapped, context=vault_context(entry.id, entry.purpose, tenant)),
            )
        if len(key.secret) != SECRET_SIZE or not compare_digest(key_check(key), entry.check):
            raise AegisError(
                ErrorCode.INTEGRITY,
                "the vault answered with another key than the one that was wrapped: check which vault this keyring "
                "belongs to",
                operation="keyring",
                adapter=self._vault.name,
            )
        self._keys.put(key.id, key, asked=asked)
        return key

    async def _rewrap_ring(self, tenant: str, active: str) -> int:
        for _ in range(_MOST_CONFLICTS):
            loaded = await self._load(tenant)
            entries: list[RingEntry] = []
            count = 0
            for entry in loaded.ring.entries:
                if entry.state == "destroyed" or entry.wrapped.key_id == active:
                    entries.append(entry)
                    continue
                key = await self._unwrapped(entry, tenant)
                entries.append(attrs.evolve(entry, wrapped=await self._wrap(key, tenant)))
                count += 1
            if not count:
                return 0
            changed = attrs.evolve(loaded.ring, entries=tuple(entries))
            asked = self._clock.monotonic()
            revision = await self._replace(changed, loaded.revision)
            if revision is not None:
                self._remember(_Loaded(changed, revision), asked)
                return count
        raise _give_up("keyring.rewrap", self._state)

    async def _find(self, key_id: str) -> RingKey:
        place = place_of(key_id)
        if place is None:
            _not_found()
        if place.digest is not None:
            store = self._subject_store("keyring.key")
            key = await self._read_subject_key(store, place.tenant, place.digest, keep_as=place.digest)
            # After a shredding the subject may have a new key under the same name.
            return key if key is not None and key.id == key_id else _not_found()
        loaded = self._rings.get(place.tenant)
        entry = loaded.ring.find(key_id) if loaded is not None else None
        if entry is None:
            entry = (await self._load(place.tenant)).ring.find(key_id)
        if entry is None or entry.state == "destroyed":
            _not_found()
        return await self._unwrapped(entry, place.tenant)

    # Subjects

    def _subject_store(self, operation: str) -> StateStore:
        if self._subjects is None:
            raise UnsupportedCapability("erases", adapter=self._state.name, operation=operation)
        return self._subjects

    async def _digests(self, ring: Ring, subject: Classified[str]) -> Sequence[str]:
        keys = [await self._unwrapped(entry, ring.tenant) for entry in ring.of(KeyPurpose.INDEX)]
        return [_digest(key, subject, ring.tenant) for key in keys]

    async def _find_or_make_subject_key(self, store: StateStore, subject: Classified[str], tenant: str) -> RingKey:
        for _ in range(_MOST_CONFLICTS):
            # Read anew: under an index key that was replaced elsewhere the subject may have a key already.
            digests = await self._digests((await self._load(tenant)).ring, subject)
            for digest in digests:
                found = await self._read_subject_key(store, tenant, digest, keep_as=digests[0])
                if found is not None:
                    return found
            made = await self._make_subject_key(store, tenant, digests[0])
            if made is not None:
                return made
        raise _give_up("keyring.subject_key", store)

    async def _read_subject_key(self, store: StateStore, tenant: str, digest: str, *, keep_as: str) -> RingKey | None:
        name = subject_name(tenant, digest)
        asked, purges = self._clock.monotonic(), self._keys.purges
        with _wrapping(store, "keyring.subject_key"):
            document = await store.get(name)
        if document is None:
            return None
        entry = SubjectEntry.decode(document.body)
        lies, wraps = place_of(entry.id), place_of(entry.wrap_key)
        if lies is None or wraps is None or (lies.tenant, lies.digest, wraps.tenant) != (tenant, digest, tenant):
            _subject_refused()
        wrap = await self.key(entry.wrap_key)
        if wrap.purpose is not KeyPurpose.WRAP:
            _subject_refused()
        try:
            key = RingKey(
                entry.id,
                KeyPurpose.SUBJECT,
                "active",
                wrap.cipher.decrypt(
                    entry.blob[:NONCE_SIZE], entry.blob[NONCE_SIZE:], _SUBJECT_WRAP + entry.id.encode()
                ),
            )
        except (InvalidTag, ValueError):
            _subject_refused()
        self._keep_subject_key(subject_name(tenant, keep_as), key, asked, purges)
        return key

    async def _make_subject_key(self, store: StateStore, tenant: str, digest: str) -> RingKey | None:
        """Make a subject's key; None: another process made one meanwhile."""
        wrap = await self.active(KeyPurpose.WRAP, tenant=tenant)
        asked, purges = self._clock.monotonic(), self._keys.purges
        key_id = subject_key_id(tenant, digest, self._entropy.octets(8))
        key = RingKey(key_id, KeyPurpose.SUBJECT, "active", self._entropy.octets(SECRET_SIZE))
        nonce = self._entropy.octets(NONCE_SIZE)
        entry = SubjectEntry(
            id=key_id,
            created=self._clock.wall_ns() // 1_000_000,
            wrap_key=wrap.id,
            blob=nonce + wrap.cipher.encrypt(nonce, key.secret, _SUBJECT_WRAP + key_id.encode()),
        )
        name = subject_name(tenant, digest)
        try:
            with _wrapping(store, "keyring.subject_key"):
                await store.put(name, entry.encode(), expected=None)
        except AegisError as error:
            if error.code is ErrorCode.CONFLICT:
                return None
            raise
        self._keep_subject_key(name, key, asked, purges)
        return key

    def _keep_subject_key(self, name: str, key: RingKey, asked: float, purges: int) -> None:
        self._keys.put(name, key, asked=asked, purges=purges)
        self._keys.put(key.id, key, asked=asked, purges=purges)

    def _forget(self, digests: Sequence[str]) -> None:
        self._keys.purge(lambda name: any(digest in name for digest in digests))

    def _check(self) -> None:
        if self._process != os.getpid():
            if self._process is not None:
                what = "the keyring"
                raise ForkedError(what)
            raise AegisError(
                ErrorCode.UNAVAILABLE,
                "the keyring is not open: enter it with `async with`, or await open()",
                retryable=False,
            )


def _digest(index: RingKey, subject: Classified[str], tenant: str) -> str:
    # Key management is the purpose: the id is hashed under the index key and goes nowhere else.
    return subject_digest(index, subject.reveal(Purpose.SYSTEM_ADMINISTRATION), tenant=tenant)


def _id_of(body: bytes) -> str:
    try:
        return SubjectEntry.decode(body).id
    except AegisError:
        return "unreadable"  # a malformed document is shredded all the same


@contextmanager
def _wrapping(adapter: Adapter, operation: str, *, secret: bool = False) -> Generator[None]:
    """Give what an adapter's driver raises a code. Where a key was at hand the cause is dropped: it might hold it."""
    try:
        yield
    except AegisError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is given a code
        code = adapter.classify(error) or ErrorCode.INTERNAL
        wrapped = AegisError(
            code, f"the adapter failed with {type(error).__name__}", operation=operation, adapter=adapter.name
        )
        raise wrapped from (None if secret else error)


def _refuse_subject_purpose(purpose: KeyPurpose) -> None:
    if purpose is KeyPurpose.SUBJECT:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "a subject's key is asked for with subject_key", operation="keyring"
        )


def _not_found() -> NoReturn:
    raise AegisError(
        ErrorCode.NOT_FOUND,
        "there is no such key: its id is wrong, or it was shredded or destroyed",
        operation="keyring.key",
    )


def _subject_refused() -> NoReturn:
    raise AegisError(
        ErrorCode.INTEGRITY, "the subject's key does not open: its document was changed or moved", operation="keyring"
    ) from None


def _give_up(operation: str, store: StateStore) -> AegisError:
    return AegisError(
        ErrorCode.UNAVAILABLE,
        "other processes changed the document each time: try again",
        operation=operation,
        adapter=store.name,
    )
