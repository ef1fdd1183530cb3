"""What Celery's own loggers write of messages: which task, how it ended, and nothing that went in or came out."""

import logging
from collections.abc import Mapping
from typing import Final

from aegis_core import scrub

WITHHELD: Final = "[withheld]"
_LOGGERS: Final = (
    "celery.app.builtins",
    "celery.app.trace",
    "celery.backends.base",
    "celery.backends.redis",
    "celery.beat",
    "celery.pool",
    "celery.utils.dispatch.signal",
    "celery.worker",
    "celery.worker.consumer.consumer",
    "celery.worker.pidbox",
    "celery.worker.request",
    "celery.worker.strategy",
)
_FIELDS: Final = ("args", "kwargs", "return_value", "traceback")
#: How lines begin that show a message's body or a task's arguments; what is left of them, and of their arguments.
_CUT: Final = (
    ("Received and deleted unknown message", "Received and deleted a message that is no task's.", 0),
    ("Received unregistered task", "Received a message for a task that is not registered: %s. It was discarded.", 1),
    ("Received invalid task message", "Received an invalid message, which was discarded: %r.", 1),
    ("Couldn't convert ETA", "A task's ETA is no time.", 0),
    ("Can't decode message body", "Can't open a message: %r [type:%r encoding:%r].", 3),
    ("TaskPool: Apply", "TaskPool: Apply %s", 1),
)


def install() -> None:
    """Put one filter on each of the loggers: it works whatever handlers there are, or will be."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if withhold not in logger.filters:
            logger.addFilter(withhold)


def withhold(record: logging.LogRecord, /) -> bool:
    """A filter of the standard library: it keeps every record, and takes out of it what was a message's."""
    if record.exc_info and isinstance(record.exc_info[1], BaseException):
        clean = scrub(record.exc_info[1])
        record.exc_info = (type(clean), clean, clean.__traceback__)
        record.exc_text = None
    for begins, left, kept in _CUT:
        if isinstance(record.args, tuple) and str(record.msg).startswith(begins):
            record.msg, record.args = left, record.args[:kept]
    if isinstance(record.args, Mapping):
        record.args = _without_values(record.args, record)
        record.__dict__["data"] = record.args
    elif record.args:
        record.args = tuple(scrub(arg) if isinstance(arg, BaseException) else arg for arg in record.args)
    return True


def _without_values(fields: Mapping[str, object], record: logging.LogRecord) -> dict[str, object]:
    kept = {name: WITHHELD if name in _FIELDS else value for name, value in fields.items()}
    if "exc" in kept:
        kept["exc"] = repr(record.exc_info[1]) if record.exc_info else WITHHELD
    return kept
