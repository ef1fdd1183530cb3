"""Who changed what, on record in the session's own transaction: both are there after the commit, or neither."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, scoped_session, sessionmaker
from sqlalchemy.orm.exc import ObjectDeletedError
from sqlalchemy.util import await_only

from aegis_core import PHI, AegisError, AuditEvent, AuditTrail, Classified, Context, ErrorCode, blocking, current, using
from aegis_sqlalchemy.changes import CHANGED, CREATED, DELETED, RowsChanged, deleted, written_to

if TYPE_CHECKING:  # it needs greenlet, which SQLAlchemy brings for its asyncio extra alone
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

#: Gives the trail when it is needed; the blocking one for sessions, the async one for async sessions.
GivesTrail: TypeAlias = Callable[[], AuditTrail | blocking.AuditTrail]
Sessions: TypeAlias = "sessionmaker[Any] | scoped_session[Any] | async_sessionmaker[Any] | type[Session]"


def record_changes(sessions: Sessions, trail: GivesTrail, /, subjects: Mapping[type, str | None]) -> None:
    """Record each row that these sessions create, change or delete, as `RowChanged`, names of fields without values.

    ``record_changes(Sessions, lambda: aegis.audit, {Report: "mrn", Ward: None})``. What is written by a statement of
    its own, ``session.execute(update(Report)…)``, is one `RowsChanged`. Events are written by the flush that writes the
    rows, on the session's connection: they share its savepoints and its fate. Who did it, and why, comes from the
    context.

    Arguments:
        sessions: a factory, or a class of sessions; no other session is watched.
        trail: asked for at each flush. Its primary must join transactions of the session's own database.
        subjects: the classes that are watched, with their subclasses, and the attribute that says whose record a row
            is; None: the context says.

    Raises:
        AegisError: from the flush, ``unsupported`` where the primary cannot join transactions, ``invalid_argument``
            for another database, or a trail of the other colour. Nothing is committed then.
    """
    watched = _Watched(trail, dict(subjects))
    target = _target(sessions)
    event.listen(target, "before_flush", watched.before_flush)
    event.listen(target, "after_flush", watched.after_flush)
    event.listen(target, "persistent_to_deleted", watched.persistent_to_deleted)
    event.listen(target, "do_orm_execute", watched.do_orm_execute)


def _target(sessions: Any) -> Any:
    if isinstance(sessions, sessionmaker | scoped_session | type):
        return sessions
    base: type[Session] = sessions.kw.get("sync_session_class") or sessions.class_.sync_session_class
    own = type(base.__name__, (base,), {})  # events are the inner session's, whose class other factories share
    sessions.configure(sync_session_class=own)
    return own


@attrs.frozen
class _Watched:
    trail: GivesTrail
    subjects: Mapping[type, str | None]

    def before_flush(self, session: Session, _flush: object, _objects: object) -> None:
        for going in session.deleted:
            self._subject(going)  # is loaded as long as the row is there

    def after_flush(self, session: Session, _flush: object) -> None:
        for written in [*session.new, *session.dirty]:
            if self._watched(type(written)) is not None:
                found = written_to(inspect(written))
                if found is not None:
                    self._record(session, found, self._subject(written))

    def persistent_to_deleted(self, session: Session, gone: Any) -> None:
        # Also what was taken out of a collection that owns it: such orphans never stand in `session.deleted`.
        if self._watched(type(gone)) is not None:
            self._record(session, deleted(inspect(gone)), self._subject(gone))

    def do_orm_execute(self, execution: ORMExecuteState) -> Any:
        if not (execution.is_insert or execution.is_update or execution.is_delete):
            return None
        mapper = execution.bind_mapper
        if mapper is None or self._watched(mapper.class_) is None:
            return None
        result: Any = execution.invoke_statement()
        change = CREATED if execution.is_insert else CHANGED if execution.is_update else DELETED
        count = getattr(result, "rowcount", -1)
        self._record(execution.session, RowsChanged(kind=mapper.class_.__name__, change=change, count=count), None)
        return result

    def _watched(self, kind: type) -> type | None:
        return next((base for base in kind.__mro__ if base in self.subjects), None)

    def _subject(self, instance: object) -> object:
        base = self._watched(type(instance))
        attribute = self.subjects[base] if base is not None else None
        if attribute is None:
            return None
        with suppress(ObjectDeletedError):  # it was not loaded, and now is no more
            return getattr(instance, attribute)
        return None

    def _record(self, session: Session, happened: AuditEvent, subject: object) -> None:
        context = current()
        if subject is not None:
            context = attrs.evolve(context, subject=Classified(str(subject), PHI.MRN))
        trail = self.trail()
        outer = _async_session(session)
        if isinstance(trail, AuditTrail) and outer is not None:
            await_only(_record(trail, happened, outer, context))
        elif isinstance(trail, blocking.AuditTrail) and outer is None:
            with using(context):
                trail.record(happened, within=session)
        else:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                "a Session needs the trail of aegis_core.blocking, an AsyncSession the async one",
                operation="sqlalchemy.record_changes",
            )


def _async_session(session: Session) -> "AsyncSession | None":
    """The async session whose inside this one is; a process that did not load those has none."""
    loaded: Any = sys.modules.get("sqlalchemy.ext.asyncio")
    return loaded.async_session(session) if loaded else None


async def _record(trail: AuditTrail, happened: AuditEvent, within: "AsyncSession", context: Context) -> None:
    with using(context):
        await trail.record(happened, within=within)
