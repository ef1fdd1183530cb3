"""What an export puts on record."""

from typing import ClassVar

import attrs

from aegis_core import AuditEvent


@attrs.frozen(kw_only=True)
class ExportBegan(AuditEvent):
    """Somebody begins to export everything, or goes on with it. Each object is on record by itself."""

    action: ClassVar[str] = "export.began"

    opened: bool  #: whether what is sealed is revealed
    resumed: bool


@attrs.frozen(kw_only=True)
class ExportFinished(AuditEvent):
    """An export is whole. ``sums`` is the SHA-256 of its list of sums, so that this very export can be told later."""

    action: ClassVar[str] = "export.finished"

    opened: bool
    objects: int
    damaged: int
    entries: int
    sums: str
