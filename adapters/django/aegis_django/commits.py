"""The trail and the transaction, where the trail cannot join it."""

from functools import partial

from django.db import transaction

from aegis_core import AuditEvent, Context, current, using
from aegis_django.services import aegis


def record_after_commit(event: AuditEvent, /, *, alias: str | None = None) -> None:
    """Record an event once the open transaction has committed, and never if it rolls back.

    This is weaker than ``aegis.audit.record(event, within=connection)``: a process that ends between the commit and
    the record leaves a change without one. It is for databases that are not the trail's own; say so in your risk
    analysis. Who acts, why and on whose record is what holds now. Outside of a transaction it is recorded at once.

    Arguments:
        alias: the database whose transaction it is; by default that of the models.

    Raises:
        AegisError: at the end of ``atomic``, after the commit, if the trail does not take it.
    """
    transaction.on_commit(partial(_record, event, current()), using=alias)


def _record(event: AuditEvent, context: Context) -> None:
    with using(context):
        aegis.audit.record(event)
