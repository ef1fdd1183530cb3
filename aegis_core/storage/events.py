"""What the storage service puts on record. ``object_id`` ties the events of one object together.

An application's keys should name records by their ids, but nothing keeps a name out of them: they are sealed.
"""

from typing import Annotated, ClassVar

import attrs

from aegis_core.kernel.recorder import AuditEvent
from aegis_core.marks.taxonomy import PHI


@attrs.frozen(kw_only=True)
class ObjectWritten(AuditEvent):
    """An object is about to be published; ``failed``: whether it was is not known, or it was not."""

    action: ClassVar[str] = "storage.written"

    object_id: str
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    size: int  #: bytes of plaintext
    reason: str = ""  #: of a failure: the error's code


@attrs.frozen(kw_only=True)
class ObjectRead(AuditEvent):
    """The first byte of an object, or of a range of it, is about to be released; ``failed``: it broke off later."""

    action: ClassVar[str] = "storage.read"

    object_id: str
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    size: int  #: bytes of plaintext that were asked for
    reason: str = ""


@attrs.frozen(kw_only=True)
class ObjectCopied(AuditEvent):
    """An object's stored bytes are about to be released, sealed as they are; ``failed``: it broke off later."""

    action: ClassVar[str] = "storage.copied"

    object_id: str
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    size: int  #: stored bytes
    reason: str = ""


@attrs.frozen(kw_only=True)
class ObjectMoved(AuditEvent):
    """An object is about to be published under another key, and then removed under its own."""

    action: ClassVar[str] = "storage.moved"

    object_id: str
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    target: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    size: int
    reason: str = ""


@attrs.frozen(kw_only=True)
class ObjectDeleted(AuditEvent):
    """An object is about to be removed. ``object_id`` is empty where it cannot be read any more."""

    action: ClassVar[str] = "storage.deleted"

    object_id: str
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)
    reason: str = ""
