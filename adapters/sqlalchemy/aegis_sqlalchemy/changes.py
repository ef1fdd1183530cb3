"""What a session is about to commit, as events: which row, which fields, and never what stood there."""

from typing import Annotated, Any, ClassVar, Final

import attrs
from sqlalchemy.orm import InstanceState

from aegis_core import PHI, AuditEvent

CREATED: Final = "created"
CHANGED: Final = "changed"
DELETED: Final = "deleted"


@attrs.frozen(kw_only=True)
class RowChanged(AuditEvent):
    """One row of a mapped class was created, changed or deleted, in a transaction that committed."""

    action: ClassVar[str] = "database.row_changed"

    kind: str  #: the mapped class's name
    change: str  #: created, changed or deleted
    fields: tuple[str, ...]  #: attributes that were changed; of a new row, those that were given
    key: Annotated[str, PHI.UNIQUE_ID] = attrs.field(repr=False)  #: the primary key, sealed: it may be a record number


@attrs.frozen(kw_only=True)
class RowsChanged(AuditEvent):
    """A statement changed rows of a mapped class by itself: ``session.execute(update(Report)…)``."""

    action: ClassVar[str] = "database.rows_changed"

    kind: str
    change: str
    count: int  #: rows, as the driver says; -1: it does not say


def written_to(state: InstanceState[Any], /) -> RowChanged | None:
    """The event of one object that was flushed just now and is no deleted one; None: nothing of it was written.

    Rows that only join it to others are no object of their own: of them the relationship is named.
    """
    mapper = state.mapper
    joined = (each.key for each in mapper.relationships if each.secondary is not None and not each.viewonly)
    changed = tuple(
        key for key in sorted([*mapper.column_attrs.keys(), *joined]) if state.attrs[key].history.has_changes()
    )
    if not changed:
        return None
    return _event(state, CREATED if state.key is None else CHANGED, changed)


def deleted(state: InstanceState[Any], /) -> RowChanged:
    """The event of one object whose row is gone."""
    return _event(state, DELETED, ())


def _event(state: InstanceState[Any], change: str, fields: tuple[str, ...]) -> RowChanged:
    parts = state.identity or state.mapper.primary_key_from_instance(state.object)
    key = "/".join(map(str, parts))
    return RowChanged(kind=state.mapper.class_.__name__, change=change, fields=fields, key=key)
