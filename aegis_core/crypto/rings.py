"""The rings: each tenant's keys by purpose, wrapped by the vault, in one state document a tenant."""

from collections.abc import Sequence
from functools import partial
from hmac import compare_digest
from typing import Final

import attrs

from aegis_core.crypto.cache import BoundedCache
from aegis_core.crypto.documents import (
    RINGS,
    SECRET_SIZE,
    Ring,
    RingEntry,
    key_check,
    ring_name,
    tenant_of,
    vault_context,
)
from aegis_core.crypto.failure import MOST_CONFLICTS, no_such_key, too_many_conflicts
from aegis_core.crypto.flight import SingleFlight
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.crypto.port import KeyVault, WrappedKey
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.state import StateStore

#: Tenants whose rings are kept at most.
LARGEST_RING_CACHE: Final = 1024


@attrs.frozen
class Loaded:
    """A ring as it was read; ``revision`` is None where there is no document yet."""

    ring: Ring
    revision: str | None


class Rings:
    """Reads, unwraps, adds to and rewraps the rings. Used by tasks of one event loop.

    Arguments:
        keys: where unwrapped keys are kept for a while.
        lifetime: seconds for which a ring is used without reading it again.
    """

    def __init__(
        self,
        vault: KeyVault,
        state: StateStore,
        keys: BoundedCache[RingKey],
        /,
        *,
        lifetime: float,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._vault = vault
        self._state = state
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._rings = BoundedCache[Loaded](clock.monotonic, lifetime=lifetime, largest=LARGEST_RING_CACHE)
        self._loads = SingleFlight[Loaded]()
        self._unwraps = SingleFlight[RingKey]()

    def clear(self) -> None:
        """Forget every ring."""
        self._rings.clear()

    async def active(self, purpose: KeyPurpose, tenant: str, /) -> RingKey:
        """The active key of a purpose, made when there is none."""
        held = self.active_at_hand(purpose, tenant)
        if held is not None:
            return held
        loaded = self._rings.get(tenant)
        if loaded is not None and (entry := loaded.ring.active(purpose)) is not None:
            return await self.unwrapped(entry, tenant)
        # One flight for reading, making and unwrapping: two tasks that ask first make one key.
        flight = f"active {purpose.value} {tenant}"
        return await self._unwraps.run(flight, partial(self._active_or_added, purpose, tenant))

    def active_at_hand(self, purpose: KeyPurpose, tenant: str, /) -> RingKey | None:
        """The active key of a purpose, if it was unwrapped a moment ago."""
        loaded = self._rings.get(tenant)
        entry = loaded.ring.active(purpose) if loaded is not None else None
        return None if entry is None else self._keys.get(entry.id)

    async def find(self, key_id: str, tenant: str, /) -> RingKey:
        """The key with that id.

        Raises:
            AegisError: ``not_found``.
        """
        loaded = self._rings.get(tenant)
        entry = loaded.ring.find(key_id) if loaded is not None else None
        if entry is None:  # another process may have added it
            entry = (await self.load(tenant)).ring.find(key_id)
        if entry is None or entry.state == "destroyed":
            raise no_such_key()
        return await self.unwrapped(entry, tenant)

    async def every(self, purpose: KeyPurpose, tenant: str, /, *, fresh: bool = False) -> Sequence[RingKey]:
        """Every key of a purpose that is not destroyed, newest first; ``fresh``: of the ring as it is now."""
        loaded = None if fresh else self._rings.get(tenant)
        if loaded is None:
            loaded = await self.load(tenant)
        return [await self.unwrapped(entry, tenant) for entry in loaded.ring.of(purpose)]

    async def rotate(self, purpose: KeyPurpose, tenant: str, /) -> RingKey:
        """Add a new active key."""
        for _ in range(MOST_CONFLICTS):
            added = await self._add(await self.load(tenant), purpose)
            if added is not None:
                return added
        raise too_many_conflicts("keyring.rotate", self._state)

    async def rewrap(self) -> int:
        """Wrap every key anew that is not wrapped under the vault's active key; how many there were."""
        with Wrapping(self._vault, "keyring.rewrap"):
            active = await self._vault.active()
        count, after = 0, ""
        while True:
            with Wrapping(self._state, "keyring.rewrap"):
                names = await self._state.names(RINGS, after=after)
            if not names:
                return count
            for name in names:
                count += await self._rewrap_ring(tenant_of(name), active)
            after = names[-1]

    async def load(self, tenant: str, /) -> Loaded:
        """Read a tenant's ring from the store, whatever is cached."""
        return await self._loads.run(tenant, partial(self._read_ring, tenant))

    async def _read_ring(self, tenant: str) -> Loaded:
        name = ring_name(tenant)
        asked = self._clock.monotonic()
        with Wrapping(self._state, "keyring"):
            document = await self._state.get(name)
        if document is None:
            return Loaded(Ring(tenant), None)
        loaded = Loaded(Ring.decode(document.body, tenant=tenant), document.revision)
        self._remember(loaded, asked)
        return loaded

    def _remember(self, loaded: Loaded, asked: float) -> None:
        tenant = loaded.ring.tenant
        self._rings.put(tenant, loaded, asked=asked)
        for entry in loaded.ring.entries:
            key = self._keys.get(entry.id)
            if key is not None and key.state != entry.state:
                if entry.state == "destroyed":
                    self._keys.purge(entry.id.__eq__)
                else:
                    self._keys.put(entry.id, attrs.evolve(key, state=entry.state), asked=asked)

    async def _active_or_added(self, purpose: KeyPurpose, tenant: str) -> RingKey:
        for _ in range(MOST_CONFLICTS):
            loaded = await self.load(tenant)
            entry = loaded.ring.active(purpose)
            if entry is not None:
                return await self.unwrapped(entry, tenant)
            added = await self._add(loaded, purpose)
            if added is not None:
                return added
        raise too_many_conflicts("keyring.active", self._state)

    async def _add(self, loaded: Loaded, purpose: KeyPurpose) -> RingKey | None:
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
        self._remember(Loaded(changed, revision), asked)
        return key

    async def _wrap(self, key: RingKey, tenant: str) -> WrappedKey:
        with Wrapping(self._vault, "keyring"):
            return await self._vault.wrap(key.secret, context=vault_context(key.id, key.purpose, tenant))

    async def _replace(self, ring: Ring, revision: str | None) -> str | None:
        try:
            with Wrapping(self._state, "keyring"):
                return await self._state.put(ring_name(ring.tenant), ring.encode(), expected=revision)
        except AegisError as error:
            if error.code is ErrorCode.CONFLICT:
                return None
            raise

    async def unwrapped(self, entry: RingEntry, tenant: str, /) -> RingKey:
        """Unwrap one key, if it is not at hand."""
        return self._keys.get(entry.id) or await self._unwraps.run(
            f"unwrap {entry.id}", partial(self._unwrap, entry, tenant)
        )

    async def _unwrap(self, entry: RingEntry, tenant: str) -> RingKey:
        asked = self._clock.monotonic()
        with Wrapping(self._vault, "keyring"):
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
        for _ in range(MOST_CONFLICTS):
            loaded = await self.load(tenant)
            entries: list[RingEntry] = []
            count = 0
            for entry in loaded.ring.entries:
                if entry.state == "destroyed" or entry.wrapped.key_id == active:
                    entries.append(entry)
                    continue
                key = await self.unwrapped(entry, tenant)
                entries.append(attrs.evolve(entry, wrapped=await self._wrap(key, tenant)))
                count += 1
            if not count:
                return 0
            changed = attrs.evolve(loaded.ring, entries=tuple(entries))
            asked = self._clock.monotonic()
            revision = await self._replace(changed, loaded.revision)
            if revision is not None:
                self._remember(Loaded(changed, revision), asked)
                return count
        raise too_many_conflicts("keyring.rewrap", self._state)
