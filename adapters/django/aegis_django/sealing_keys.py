"""The keys of sealed fields, asked for in a thread: `aegis_django.aegis` blocks."""

from collections.abc import Sequence
from typing import Any

from django.utils.asyncio import async_unsafe

from aegis_core import PHI, AegisError, Classified, ErrorCode, KeyPurpose, Purpose, current
from aegis_core.crypto import RingKey
from aegis_django.services import aegis

# Also where the key is at hand: else it would work for a minute, and then no more.
_from_a_thread = async_unsafe("a sealed field is opened, saved and searched in a thread: use sync_to_async")


@_from_a_thread
def named(key_id: str, /) -> RingKey:
    """The key with that id, at best without asking anybody."""
    return aegis.keys.cached(key_id) or aegis.keys.key(key_id)


@_from_a_thread
def of(subject: str | None, /) -> RingKey:
    """The key that seals for a subject, or for the tenant where there is none."""
    tenant = current().tenant or ""
    if subject is None:
        return aegis.keys.active(KeyPurpose.WRAP, tenant=tenant)
    return aegis.keys.subject_key(Classified(subject, PHI.MRN), tenant=tenant)


@_from_a_thread
def indexes(*, every: bool) -> Sequence[RingKey]:
    """The key that new tokens are made with, or every one that there was."""
    tenant = current().tenant or ""
    active = aegis.keys.active(KeyPurpose.INDEX, tenant=tenant)
    return aegis.keys.every(KeyPurpose.INDEX, tenant=tenant) if every else [active]


def revealed(held: Classified[Any], /) -> Any:
    """The value, to seal it or to hand it to who asked for it."""
    return held.reveal(current().purpose or Purpose.OPERATIONS)


def refusal(message: str, /) -> AegisError:
    """``invalid_argument``."""
    return AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="django.sealed")
