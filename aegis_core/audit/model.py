"""Values of the audit room. No I/O, and nothing here can decrypt."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from aegis_core.audit.canonical import Value
from aegis_core.kernel.errors import AegisError

if TYPE_CHECKING:  # the verifier reads these values and must load no seam of the writer
    from aegis_core.kernel.recorder import Result

_NOTHING: Final[Mapping[str, "Value"]] = MappingProxyType({})
_NOTHING_SEALED: Final[Mapping[str, "SealedValue"]] = MappingProxyType({})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class SubjectSeal:
    """Whom an event is about, for those who may know.

    Arguments:
        token: keyed digest in hex; equal for one subject under one key, so that a trail can be searched.
        key: id of the key that sealed it; gone once the subject is shredded.
        box: the sealed identity, base64.
    """

    token: str
    key: str
    box: str = attrs.field(repr=False)


@attrs.frozen
class SealedValue:
    """One classified field.

    Arguments:
        data_class: what it is, such as ``"phi.name"``.
        key: id of the key that sealed it.
        box: base64.
    """

    data_class: str
    key: str
    box: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class StoredEvent:
    """An event as the trail holds it: plain members readable, classified ones sealed. `entry` has its one spelling.

    Arguments:
        time_ns: POSIX nanoseconds, UTC, when it happened.
        data: fields without a classification, as canonical JSON values.
        sealed: classified fields, by name.
        index: position in the trail, once it has one; not part of the entry's bytes.
    """

    event_id: UUID
    time_ns: int
    action: str
    outcome: "Result" = "success"
    who: str | None = None
    verified_by: str | None = None
    roles: tuple[str, ...] = ()
    purpose: str | None = None
    tenant: str | None = None
    operation: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    subject: SubjectSeal | None = None
    data: Mapping[str, Value] = attrs.field(default=_NOTHING, repr=False)
    sealed: Mapping[str, SealedValue] = attrs.field(default=_NOTHING_SEALED, repr=False)
    index: int | None = None

    @property
    def time(self) -> datetime:
        """When it happened, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.time_ns // 1000)


@attrs.frozen
class SignedCheckpoint:
    """A log's word on its size and root.

    Arguments:
        origin: the log's name.
        size: entries.
        root: SHA-256, 32 bytes.
        note: the signed note, text and signatures, as it lies in the file ``checkpoint``.
    """

    origin: str
    size: int
    root: bytes
    note: str = attrs.field(repr=False)


class FindingKind(StrEnum):
    """What kind of damage a verifier found."""

    SIGNATURE = "signature"  #: the checkpoint is not signed by a key that the caller knows, or badly
    CHECKPOINT = "checkpoint"  #: the checkpoint cannot be read
    MISSING = "missing"  #: a tile or bundle that the size promises is not there
    MALFORMED = "malformed"  #: a tile or bundle has another length than its place demands
    ENTRY = "entry"  #: an entry does not match its leaf
    TILE = "tile"  #: a stored hash does not match what lies below it
    ROOT = "root"  #: the recomputed root is not the signed one
    HISTORY = "history"  #: the log does not extend the checkpoint that the caller kept
    CANONICAL = "canonical"  #: an entry is not canonical JSON of a known version
    DUPLICATE = "duplicate"  #: an event id occurs twice
    ORDER = "order"  #: an event's time lies far before one that was recorded earlier


@attrs.frozen
class Finding:
    """One thing that is wrong, in words that hold no classified value.

    Arguments:
        kind: the kind of damage.
        message: one sentence.
        index: the entry concerned, where it is one.
        time: when that entry says it happened (RFC 3339), where that can still be read.
        path: the file concerned, relative to the log's folder.
    """

    kind: FindingKind
    message: str
    index: int | None = None
    time: str | None = None
    path: str | None = None


@attrs.frozen
class Verdict:
    """What a verifier found.

    Arguments:
        intact: whether nothing at all is wrong.
        size: entries that the checkpoint promises.
        root: the signed root, 32 bytes; empty where no checkpoint could be read.
        findings: in the order in which they were found; the number is bounded.
        origin: the log's name.
        signed_by: names of the keys, known to the caller, that signed.
    """

    intact: bool
    size: int
    root: bytes
    findings: tuple[Finding, ...] = ()
    origin: str = ""
    signed_by: tuple[str, ...] = ()


@attrs.frozen
class CopyState:
    """How a copy of the trail stands to its primary.

    Arguments:
        name: the copy's name.
        size: entries that it holds and that agree; None as long as it cannot be reached.
        behind: entries of the primary that it does not hold yet; None where ``size`` is.
        failure: why it does not go on at the moment; it is tried again.
        finding: why it is no copy: it holds something else than the primary's first entries, and is not touched.
    """

    name: str
    size: int | None = None
    behind: int | None = None
    failure: AegisError | None = None
    finding: Finding | None = None
