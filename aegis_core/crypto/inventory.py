"""Which keys there are, without any key: the rings as they lie in the state store, for tools and for people."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from aegis_core.crypto.documents import RINGS, Ring, tenant_of
from aegis_core.crypto.model import KeyPurpose, KeyState
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.state import StateStore

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class KeyRecord:
    """What stands beside one wrapped key.

    Arguments:
        tenant: whose; empty: of all.
        created: UTC.
        vault_key: the key of the vault under which it is wrapped.
    """

    id: str
    purpose: KeyPurpose
    tenant: str
    state: KeyState
    created: datetime
    vault_key: str


async def key_records(state: StateStore, /) -> Sequence[KeyRecord]:
    """List every key of every ring, tenant by tenant, the oldest first. Asks no vault, unwraps nothing, makes nothing.

    Subjects' keys are not among them: their names are digests, and there may be millions.

    Arguments:
        state: open.

    Raises:
        AegisError: ``integrity`` for a ring that is malformed.
    """
    records: list[KeyRecord] = []
    after = ""
    with Wrapping(state, "keyring.records"):
        while names := await state.names(RINGS, after=after):
            for name in names:
                document = await state.get(name)
                if document is not None:
                    records += _records(Ring.decode(document.body, tenant=tenant_of(name)))
            after = names[-1]
    return records


def _records(ring: Ring) -> Sequence[KeyRecord]:
    return [
        KeyRecord(
            id=entry.id,
            purpose=entry.purpose,
            tenant=ring.tenant,
            state=entry.state,
            created=_EPOCH + timedelta(milliseconds=entry.created),
            vault_key=entry.wrapped.key_id,
        )
        for entry in ring.entries
    ]
