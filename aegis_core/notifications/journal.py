"""The delivery journal: what was taken and what became of it, in documents of the keyring's state store.

``deliveries/queued/<id>`` holds a message that waits, sealed; ``deliveries/done/<id>`` what became of one, with no word
of it. The second is written before the first is deleted, so a delivery is in one of them at any moment, and what is
kept for ever holds neither an address nor a text. ``deliveries/index-key`` names the key that makes ids.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NoReturn, cast

import attrs

from aegis_core.crypto.fields import NONCE_SIZE, open_field, seal_field
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import Context, Principal
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.json import dumps, loads
from aegis_core.kernel.state import StateDocument
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import DataClass
from aegis_core.notifications.model import ChannelKind, Delivery, DeliveryStatus, Rendered

QUEUED: Final = "deliveries/queued/"
DONE: Final = "deliveries/done/"
INDEX_KEY: Final = "deliveries/index-key"

_VERSION: Final = 1
_PAGE: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID_DOMAIN: Final = b"aegis/delivery1"
_DIGEST_DOMAIN: Final = b"aegis/message1"


@attrs.frozen
class Queued:
    """A message that waits, with the revision of its document.

    Arguments:
        digest: keyed, of template, recipient and values: tells another message under the same idempotency key.
        handed_at: since when it is being handed to a channel that is not idempotent; None: it is not.
        context: of the code that sent it, for the record.
    """

    delivery: Delivery
    digest: str
    revision: str
    handed_at: datetime | None
    tenant: str
    key_id: str
    sealed: str = attrs.field(repr=False)
    rendered: Rendered = attrs.field(repr=False)
    context: Context = attrs.field(repr=False)


@attrs.frozen
class Known:
    """What the journal knows of an id: a final delivery, or one that waits."""

    delivery: Delivery
    digest: str
    revision: str
    waiting: bool


class Journal:
    """Reads and writes the documents. Made by the hub, for one open state store.

    Arguments:
        index: the key that makes ids, the same for as long as the state store lives.
    """

    def __init__(self, keyring: Keyring, index: RingKey, /, *, clock: Clock, entropy: Entropy) -> None:
        self._keyring = keyring
        self._state = keyring.state
        self._index = index
        self._clock = clock
        self._entropy = entropy

    @classmethod
    async def opened(cls, keyring: Keyring, /, *, clock: Clock, entropy: Entropy) -> "Journal":
        """Find the index key that this state store was begun with, or begin with the active one.

        It is kept, because rotating it would give every idempotency key another id, and a second message.
        """
        while True:
            with Wrapping(keyring.state, "notifications"):
                document = await keyring.state.get(INDEX_KEY)
            if document is not None:
                index = await keyring.key(str(_read(document.body)["key"]))
                return cls(keyring, index, clock=clock, entropy=entropy)
            active = await keyring.active(KeyPurpose.INDEX)
            try:
                with Wrapping(keyring.state, "notifications"):
                    await keyring.state.put(INDEX_KEY, dumps({"v": _VERSION, "key": active.id}), expected=None)
            except AegisError as error:
                if error.code is not ErrorCode.CONFLICT:
                    raise

    def id(self, key: str, /, *, tenant: str) -> str:
        """The delivery's id for an idempotency key."""
        return self._keyed(_ID_DOMAIN, [tenant, key])

    def digest(self, template: str, recipient: str, values: Mapping[str, str], /) -> str:
        """Tells two messages apart that came with one idempotency key."""
        return self._keyed(_DIGEST_DOMAIN, [template, recipient, dict(values)])

    def now(self) -> datetime:
        """UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self._clock.wall_ns() // 1000)

    async def find(self, delivery_id: str, /) -> Known | None:
        """What is known of an id, the final word first."""
        document = await self._get(DONE + delivery_id)
        if document is not None:
            read = _read(document.body)
            return Known(_delivery(delivery_id, read), str(read["digest"]), document.revision, waiting=False)
        document = await self._get(QUEUED + delivery_id)
        if document is None:
            return None
        read = _read(document.body)
        return Known(_delivery(delivery_id, read), str(read["digest"]), document.revision, waiting=True)

    async def queue(
        self, delivery: Delivery, digest: str, rendered: Rendered, context: Context, /, *, tenant: str
    ) -> Queued | None:
        """Write one down, durably. None: there is one under this id already."""
        key = await self._keyring.active(KeyPurpose.WRAP, tenant=tenant)
        nonce = self._entropy.octets(NONCE_SIZE)
        sealed = seal_field(key, dumps(_payload(rendered, context)), context=_bound_to(delivery.id), nonce=nonce)
        queued = Queued(delivery, digest, "", None, tenant, key.id, sealed, rendered, context)
        return await self._put_queued(queued, expected=None)

    async def waiting(self, delivery_id: str, /) -> Queued | None:
        """Read one that waits, and open it; None: it waits no longer.

        Raises:
            AegisError: ``integrity`` if it was changed; ``not_found`` if its key is gone.
        """
        document = await self._get(QUEUED + delivery_id)
        if document is None:
            return None
        read = _read(document.body)
        key = await self._keyring.key(str(read["key"]))
        sealed = str(read["sealed"])
        rendered, context = _opened(open_field(key, sealed, context=_bound_to(delivery_id)))
        return Queued(
            _delivery(delivery_id, read),
            str(read["digest"]),
            document.revision,
            _moment(read["handed_at"]),
            str(read["tenant"]),
            key.id,
            sealed,
            rendered,
            context,
        )

    def new_claim(self) -> str:
        """A name under which one process notes, for one message, that it is handing it over."""
        return self._entropy.octets(16).hex()

    async def mark(self, queued: Queued, /, *, handed: bool, claim: str) -> Queued | None:
        """Note that it is being handed over, or is not after all. None: somebody else has changed it meanwhile.

        Arguments:
            claim: of `new_claim`, the same for every mark of one caller: it tells what they wrote themselves, and whose
                answer was lost, from what others wrote.
        """
        marked = attrs.evolve(queued, handed_at=self.now() if handed else None)
        while True:
            written = await self._put_queued(marked, expected=marked.revision, claim=claim)
            if written is not None:
                return written
            document = await self._get(QUEUED + queued.delivery.id)
            if document is None or _read(document.body).get("claim") != claim:
                return None
            marked = attrs.evolve(marked, revision=document.revision)

    async def finish(self, delivery: Delivery, digest: str, /) -> Delivery:
        """Write the final word, and let go of the message. Returns the word that stands.

        The first final word stands, but for ``uncertain``: who knows better overwrites that.
        """
        body = dumps(
            {
                "v": _VERSION,
                "digest": digest,
                "template": delivery.template,
                "channel": delivery.channel,
                "queued_at": _microseconds(delivery.queued_at),
                "status": delivery.status,
                "finished_at": _microseconds(delivery.finished_at),
                "reference": delivery.reference,
                "reason": delivery.reason,
            }
        )
        expected: str | None = None
        while True:
            try:
                await self._put(DONE + delivery.id, body, expected=expected)
                break
            except AegisError as error:
                if error.code is not ErrorCode.CONFLICT:
                    raise
            document = await self._get(DONE + delivery.id)
            if document is None:
                expected = None
                continue
            there = _delivery(delivery.id, _read(document.body))
            if there.status != "uncertain" or delivery.status == "uncertain":
                delivery = there
                break
            expected = document.revision
        await self._delete(QUEUED + delivery.id)
        return delivery

    async def forget_waiting(self, delivery_id: str, /) -> None:
        """Delete a message whose final word is written."""
        await self._delete(QUEUED + delivery_id)

    async def ids(self, prefix: str, /) -> AsyncIterator[str]:
        """The ids under `QUEUED` or `DONE`."""
        after = ""
        while True:
            with Wrapping(self._state, "notifications"):
                names = await self._state.names(prefix, after=after, limit=_PAGE)
            for name in names:
                yield name.removeprefix(prefix)
            if len(names) < _PAGE:
                return
            after = names[-1]

    async def _put_queued(self, queued: Queued, *, expected: str | None, claim: str = "") -> Queued | None:
        body = dumps(
            {
                "v": _VERSION,
                "digest": queued.digest,
                "template": queued.delivery.template,
                "channel": queued.delivery.channel,
                "queued_at": _microseconds(queued.delivery.queued_at),
                "handed_at": _microseconds(queued.handed_at),
                "claim": claim,
                "tenant": queued.tenant,
                "key": queued.key_id,
                "sealed": queued.sealed,
            }
        )
        try:
            revision = await self._put(QUEUED + queued.delivery.id, body, expected=expected)
        except AegisError as error:
            if error.code is ErrorCode.CONFLICT:
                return None
            raise
        return attrs.evolve(queued, revision=revision)

    async def _get(self, name: str) -> StateDocument | None:
        with Wrapping(self._state, "notifications"):
            return await self._state.get(name)

    async def _put(self, name: str, body: bytes, *, expected: str | None) -> str:
        with Wrapping(self._state, "notifications"):
            return await self._state.put(name, body, expected=expected)

    async def _delete(self, name: str) -> None:
        with Wrapping(self._state, "notifications"):
            await self._state.delete(name)

    def _keyed(self, domain: bytes, value: object) -> str:
        return blake2b(dumps(value, sort=True), digest_size=16, key=self._index.secret, person=domain).hexdigest()


def _bound_to(delivery_id: str) -> bytes:
    return b"aegis/delivery/v1\x00" + delivery_id.encode()


def _payload(rendered: Rendered, context: Context) -> dict[str, object]:
    principal, subject = context.principal, context.subject
    return {
        "to": rendered.to.reveal(Purpose.OPERATIONS),
        "class": [rendered.to.data_class.taxonomy, rendered.to.data_class.name],
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "context": {
            "principal": None
            if principal is None
            else {
                "id": principal.id,
                "verified_by": principal.verified_by,
                "roles": sorted(principal.roles),
                "tenant": principal.tenant,
            },
            "purpose": context.purpose,
            "whose": None
            if subject is None
            else [subject.reveal(Purpose.OPERATIONS), subject.data_class.taxonomy, subject.data_class.name],
            "tenant": context.tenant,
            "operation": context.operation,
            "request_id": context.request_id,
            "correlation_id": context.correlation_id,
            "trace_id": context.trace_id,
            "sampled": context.sampled,
            "metadata": dict(context.metadata),
        },
    }


def _opened(payload: bytes) -> tuple[Rendered, Context]:
    read = loads(payload)
    rendered = Rendered(
        to=Classified(read["to"], DataClass(*read["class"])),
        subject=read["subject"],
        text=read["text"],
        html=read["html"],
    )
    context = read["context"]
    principal, whose = context.pop("principal"), context.pop("whose")
    purpose = context.pop("purpose")
    return rendered, Context(
        principal=None if principal is None else Principal(**(principal | {"roles": frozenset(principal["roles"])})),
        purpose=None if purpose is None else Purpose(purpose),
        subject=None if whose is None else Classified(whose[0], DataClass(whose[1], whose[2])),
        **context,
    )


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _delivery(delivery_id: str, read: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=delivery_id,
        template=read["template"],
        channel=cast("ChannelKind | None", read["channel"]),
        status=cast("DeliveryStatus", read.get("status", "queued")),
        queued_at=_EPOCH + timedelta(microseconds=read["queued_at"]),
        finished_at=_moment(read.get("finished_at")),
        reference=read.get("reference"),
        reason=read.get("reason"),
    )


def status_of(body: bytes, /) -> DeliveryStatus:
    """The status in a document under `QUEUED` or `DONE`."""
    return _delivery("", _read(body)).status


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = loads(body)
    except AegisError:
        _refuse()
    if not isinstance(read, dict) or read.get("v") != _VERSION:
        _refuse()
    return cast("dict[str, Any]", read)


def _refuse() -> NoReturn:
    raise AegisError(
        ErrorCode.INTEGRITY,
        "a document of the delivery journal is damaged, or was written by a newer release",
        operation="notifications.journal",
    ) from None
