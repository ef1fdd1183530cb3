"""A serializer of Kombu: JSON, sealed with a key of the keyring."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
from celery import signals
from celery.exceptions import WorkerShutdown
from kombu.serialization import register as register_serializer
from kombu.utils import json

from aegis_core import (
    AegisError,
    Classified,
    Context,
    ContextExecutor,
    DataClass,
    ErrorCode,
    KeyPurpose,
    Principal,
    Purpose,
    current,
)
from aegis_core.blocking import PerProcess
from aegis_core.crypto import open_field, seal_field
from aegis_core.kernel import SYSTEM_ENTROPY

T = TypeVar("T")

NAME: Final = "aegis"
CONTENT_TYPE: Final = "application/vnd.aegis.sealed"
#: The largest body, in bytes of JSON. What is larger belongs into the storage, and its key into the message.
LARGEST: Final = 1 << 20
_DOMAIN: Final = b"aegis/celery/v1"
_NONCE_SIZE: Final = 12


@attrs.frozen
class Carried:
    """What a sealed body says of the task that it was sent for, and of who sent it for whom.

    Only `Sealing.decode` makes one, so that whoever holds one knows that it came sealed.
    """

    task: str
    id: str
    context: Context = attrs.field(repr=False)


def carried(task: str, task_id: str, context: Context, /) -> dict[str, object]:
    """What becomes a `Carried` again when the body is opened. Roles stay behind: they may be others by then."""
    principal, subject = context.principal, context.subject
    purpose = context.purpose or Purpose.OPERATIONS
    return {
        "task": task,
        "id": task_id,
        "principal": principal and [principal.id, principal.verified_by, principal.tenant],
        "purpose": context.purpose,
        "subject": subject and [subject.data_class.taxonomy, subject.data_class.name, subject.reveal(purpose)],
        "tenant": context.tenant,
    }


def _opened(found: dict[str, Any]) -> Carried:
    principal, subject, purpose = found["principal"], found["subject"], found["purpose"]
    context = Context(
        principal=principal and Principal(principal[0], verified_by=principal[1], tenant=principal[2]),
        purpose=purpose and Purpose(purpose),
        subject=subject and Classified(subject[2], DataClass(subject[0], subject[1])),
        tenant=found["tenant"],
    )
    return Carried(found["task"], found["id"], context)


class Sealing:
    """Seals and opens bodies: ``<key id>`` LF ``<sealed field>``. Keys are the tenant's of purpose ``wrap``.

    Arguments:
        aegis: of whose keyring they come.
    """

    def __init__(self, aegis: PerProcess, /) -> None:
        self._aegis = aegis

    def encode(self, body: object, /) -> str:
        """Seal anything that JSON takes.

        Raises:
            AegisError: ``resource_exhausted`` for more than 1 MiB; what the keyring raises.
        """
        octets = json.dumps(body).encode()
        if len(octets) > LARGEST:
            message = f"a message or result of {len(octets):,} bytes is over {LARGEST:,}: store it, and send its key"
            del body, octets  # a traceback shows locals
            raise AegisError(ErrorCode.RESOURCE_EXHAUSTED, message, operation="celery.seal")
        tenant = current().tenant or ""
        key = _off_the_loop(lambda: self._aegis.keys.active(KeyPurpose.WRAP, tenant=tenant))
        sealed = seal_field(key, octets, context=_DOMAIN, nonce=SYSTEM_ENTROPY.octets(_NONCE_SIZE))
        return f"{key.id}\n{sealed}"

    def decode(self, octets: bytes | str, /) -> object:
        """Open what `encode` gave.

        Raises:
            AegisError: ``integrity`` for what was changed or sealed with another key; ``not_found`` for a key that is
                gone.
            WorkerShutdown: the keys cannot be reached, and this is where a worker takes messages: it would acknowledge
                what it can't open. It ends, and the broker keeps them.
        """
        text = octets if isinstance(octets, str) else bytes(octets).decode("ascii")
        key_id, _, sealed = text.partition("\n")
        try:
            key = _off_the_loop(lambda: self._aegis.keys.key(key_id))
        except AegisError as error:
            if error.retryable and _takes_messages():
                raise WorkerShutdown(1) from error
            raise
        body = json.loads(open_field(key, sealed, context=_DOMAIN).decode())
        if isinstance(body, list) and len(body) == 3 and isinstance(body[2], dict) and NAME in body[2]:
            body[2][NAME] = _opened(body[2][NAME])
        return body


def register(sealing: Sealing, /) -> None:
    """Tell Kombu, which keeps one serializer by that name a process."""
    register_serializer(NAME, sealing.encode, sealing.decode, CONTENT_TYPE, "utf-8")
    signals.worker_init.connect(_worker_starts, weak=False)


_worker: int | None = None  # the process that takes messages off the broker


def _worker_starts(**_: object) -> None:
    global _worker  # noqa: PLW0603 - a fact of the process
    _worker = os.getpid()


def _takes_messages() -> bool:
    return _worker == os.getpid() and threading.current_thread() is threading.main_thread()


def _off_the_loop(call: Callable[[], T]) -> T:
    """Call it where waiting is allowed. Whoever publishes from async code waits for the broker all the same."""
    if asyncio._get_running_loop() is None:
        return call()
    with ContextExecutor(1) as thread:
        return thread.submit(call).result()
