"""A look at a trail: how long it is, what was signed last, and whether both fit. Reads, and makes nothing."""

from datetime import UTC, datetime

import attrs

from aegis_core.audit.checkpoint import open_checkpoint
from aegis_core.audit.cosignature import unpack_cosignature
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.note import KeyType, Note
from aegis_core.audit.port import AuditSink
from aegis_core.audit.publisher import Publisher
from aegis_core.audit.sealing import TrailKeys
from aegis_core.audit.signing import Signing
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.metrics import NO_METRICS


@attrs.frozen
class TrailLook:
    """What there is of a trail.

    Arguments:
        size: entries in the primary, and so the index of the next one.
        checkpoint: what was signed last; None: nothing yet.
        signed_at: when, UTC; None where no signature has a time.
    """

    size: int
    checkpoint: SignedCheckpoint | None
    signed_at: datetime | None


async def look_at(sink: AuditSink, keyring: TrailKeys, /, *, origin: str) -> TrailLook:
    """Look at a trail as far as opening it would: the checkpoint's signatures, that the primary holds at least what was
    signed, the root over the published tiles, and the entries of the last bundle. `AuditTrail.verify` recomputes all.

    Nothing is signed, published or made, and nothing is decrypted.

    Arguments:
        sink: the primary, open.
        keyring: open.
        origin: the trail's name.

    Raises:
        AegisError: ``integrity`` for what does not fit.
    """
    signing = Signing(keyring, origin)
    publisher = Publisher(sink, keyring.state, signing, clock=SYSTEM_CLOCK, metrics=NO_METRICS)
    with Wrapping(sink, "audit.look"):
        size = await publisher.open()
    latest = publisher.latest
    if latest is None:
        return TrailLook(size, None, None)
    return TrailLook(size, latest, await _signed_at(latest, signing))


async def _signed_at(checkpoint: SignedCheckpoint, signing: Signing) -> datetime | None:
    """The time that the newest of the trail's own cosignatures covers."""
    keys = open_checkpoint(checkpoint.note, await signing.known()).log_keys
    timed = {key.key_id for key in keys if key.type is KeyType.COSIGNATURE_ML_DSA_44}
    times = [
        unpack_cosignature(signature.signature)[0]
        for signature in Note.decode(checkpoint.note).signatures
        if signature.key_id in timed
    ]
    return datetime.fromtimestamp(max(times), UTC) if times else None
