"""Each subject's own key, in a store that erases: destroying it destroys whatever it sealed."""

from collections.abc import Sequence
from functools import partial
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag

from aegis_core.crypto.cache import BoundedCache
from aegis_core.crypto.documents import SECRET_SIZE, SubjectEntry, place_of, subject_key_id, subject_name
from aegis_core.crypto.failure import MOST_CONFLICTS, no_such_key, too_many_conflicts
from aegis_core.crypto.fields import NONCE_SIZE, subject_digest
from aegis_core.crypto.flight import SingleFlight
from aegis_core.crypto.model import KeyPurpose, RingKey, SubjectShredded
from aegis_core.crypto.rings import Rings
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.recorder import Recorder
from aegis_core.kernel.state import StateStore
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose

_WRAPPED_FOR: Final = b"aegis/subject/v1\x00"


class SubjectKeys:
    """Finds, makes and destroys subjects' keys. Used by tasks of one event loop.

    Arguments:
        store: declares ``erases``.
        rings: has the keys that wrap subjects' keys, and those that their documents are named by.
        keys: where unwrapped keys are kept for a while.
    """

    def __init__(
        self, store: StateStore, rings: Rings, keys: BoundedCache[RingKey], /, *, clock: Clock, entropy: Entropy
    ) -> None:
        self._store = store
        self._rings = rings
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._flights = SingleFlight[RingKey]()

    async def of(self, subject: Classified[str], tenant: str, /) -> RingKey:
        """The subject's key, made when there is none."""
        index = await self._rings.active(KeyPurpose.INDEX, tenant)
        name = subject_name(tenant, _digest(index, subject, tenant))
        # A call that was under way before a shredding may still bring the shredded key: nobody joins it afterwards.
        return self._keys.get(name) or await self._flights.run(
            f"{name} {self._keys.purges}", partial(self._found_or_made, subject, tenant)
        )

    def at_hand(self, subject: Classified[str], tenant: str, /) -> RingKey | None:
        """The subject's key, if it was given a moment ago."""
        index = self._rings.active_at_hand(KeyPurpose.INDEX, tenant)
        return None if index is None else self._keys.get(subject_name(tenant, _digest(index, subject, tenant)))

    async def find(self, key_id: str, tenant: str, digest: str, /) -> RingKey:
        """The key with that id.

        Raises:
            AegisError: ``not_found``.
        """
        return await self._flights.run(
            f"{key_id} {self._keys.purges}", partial(self._found_by_id, key_id, tenant, digest)
        )

    async def shred(self, subject: Classified[str], tenant: str, /, *, reason: str, recorder: Recorder) -> None:
        """Record the shredding, then destroy the subject's keys, here and in the store."""
        # Every index key that there ever was: a document is named by the one of its time.
        digests = await self._digests(subject, tenant)
        names = [subject_name(tenant, digest) for digest in digests]
        key_ids: list[str] = []
        for name in names:
            with Wrapping(self._store, "keyring.shred"):
                document = await self._store.get(name)
            if document is not None:
                key_ids.append(_id_of(document.body))
        await recorder.submit(SubjectShredded(reason=reason, keys=tuple(key_ids)))
        try:
            for name in names:
                self._forget(digests)
                with Wrapping(self._store, "keyring.shred"):
                    await self._store.delete(name)
        finally:
            self._forget(digests)  # what was read between the two is forgotten too

    async def _digests(self, subject: Classified[str], tenant: str) -> Sequence[str]:
        # Read anew: another process may have replaced the index key.
        keys = await self._rings.every(KeyPurpose.INDEX, tenant, fresh=True)
        return [_digest(key, subject, tenant) for key in keys]

    async def _found_by_id(self, key_id: str, tenant: str, digest: str) -> RingKey:
        key = await self._read(tenant, digest, keep_as=digest)
        # After a shredding the subject may have a new key under the same name.
        if key is None or key.id != key_id:
            raise no_such_key()
        return key

    async def _found_or_made(self, subject: Classified[str], tenant: str) -> RingKey:
        for _ in range(MOST_CONFLICTS):
            digests = await self._digests(subject, tenant)
            for digest in digests:
                found = await self._read(tenant, digest, keep_as=digests[0])
                if found is not None:
                    return found
            made = await self._made(tenant, digests[0])
            if made is not None:
                return made
        raise too_many_conflicts("keyring.subject_key", self._store)

    async def _read(self, tenant: str, digest: str, *, keep_as: str) -> RingKey | None:
        name = subject_name(tenant, digest)
        asked, purges = self._clock.monotonic(), self._keys.purges
        with Wrapping(self._store, "keyring.subject_key"):
            document = await self._store.get(name)
        if document is None:
            return None
        entry = SubjectEntry.decode(document.body)
        lies, wraps = place_of(entry.id), place_of(entry.wrap_key)
        if lies is None or wraps is None or (lies.tenant, lies.digest, wraps.tenant) != (tenant, digest, tenant):
            _refused()
        wrap = await self._rings.find(entry.wrap_key, tenant)
        if wrap.purpose is not KeyPurpose.WRAP:
            _refused()
        try:
            key = RingKey(
                entry.id,
                KeyPurpose.SUBJECT,
                "active",
                wrap.cipher.decrypt(entry.blob[:NONCE_SIZE], entry.blob[NONCE_SIZE:], _WRAPPED_FOR + entry.id.encode()),
            )
        except (InvalidTag, ValueError):
            _refused()
        self._keep(subject_name(tenant, keep_as), key, asked, purges)
        return key

    async def _made(self, tenant: str, digest: str) -> RingKey | None:
        """Make a subject's key; None: another process made one meanwhile."""
        wrap = await self._rings.active(KeyPurpose.WRAP, tenant)
        asked, purges = self._clock.monotonic(), self._keys.purges
        key_id = subject_key_id(tenant, digest, self._entropy.octets(8))
        key = RingKey(key_id, KeyPurpose.SUBJECT, "active", self._entropy.octets(SECRET_SIZE))
        nonce = self._entropy.octets(NONCE_SIZE)
        entry = SubjectEntry(
            id=key_id,
            created=self._clock.wall_ns() // 1_000_000,
            wrap_key=wrap.id,
            blob=nonce + wrap.cipher.encrypt(nonce, key.secret, _WRAPPED_FOR + key_id.encode()),
        )
        name = subject_name(tenant, digest)
        try:
            with Wrapping(self._store, "keyring.subject_key"):
                await self._store.put(name, entry.encode(), expected=None)
        except AegisError as error:
            if error.code is ErrorCode.CONFLICT:
                return None
            raise
        self._keep(name, key, asked, purges)
        return key

    def _keep(self, name: str, key: RingKey, asked: float, purges: int) -> None:
        self._keys.put(name, key, asked=asked, purges=purges)
        self._keys.put(key.id, key, asked=asked, purges=purges)

    def _forget(self, digests: Sequence[str]) -> None:
        self._keys.purge(lambda name: any(digest in name for digest in digests))


def _digest(index: RingKey, subject: Classified[str], tenant: str) -> str:
    # Key management is the purpose: the id is hashed under the index key and goes nowhere else.
    return subject_digest(index, subject.reveal(Purpose.SYSTEM_ADMINISTRATION), tenant=tenant)


def _id_of(body: bytes) -> str:
    try:
        return SubjectEntry.decode(body).id
    except AegisError:
        return "unreadable"  # a malformed document is shredded all the same


def _refused() -> NoReturn:
    raise AegisError(
        ErrorCode.INTEGRITY, "the subject's key does not open: its document was changed or moved", operation="keyring"
    ) from None
