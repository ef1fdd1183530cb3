"""The context on its way: ids in headers, for whoever reads traces; the rest in the sealed body, for the worker."""

from contextlib import AbstractContextManager
from typing import Any, Final

import attrs
from celery import signals
from celery.app.amqp import AMQP, task_message

from aegis_celery.sealing import NAME, Carried, carried
from aegis_core import AegisError, Context, ErrorCode, current, from_headers, to_headers, using

_ENTERED: Final = "_aegis_entered"


class Carrying(AMQP):
    """Makes messages: without their arguments in the headers, and with the context of this moment."""

    argsrepr_maxsize = 0
    kwargsrepr_maxsize = 0
    is_sealed: bool
    must_be_sealed: bool

    def as_task_v1(self, *args: Any, **options: Any) -> task_message:
        """Refused: `install` looked at the settings, and they were changed since."""
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "task_protocol must be 2", operation="celery.publish")

    def as_task_v2(self, task_id: str, name: str, *args: Any, **options: Any) -> task_message:
        """Celery calls this for every message of a task, those of retries, chains, groups and chords among them."""
        if self.is_sealed and (options.get("serializer") or self.app.conf.task_serializer) != NAME:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                f"the messages of {name} are sealed: leave its serializer out, and change no settings after install",
                operation="celery.publish",
            )
        # A message that is sent again, for a worker that was lost, has its opened context among its headers.
        known = (options.get("headers") or {}).pop(NAME, None)
        context = known.context if isinstance(known, Carried) else current()
        message: task_message = super().as_task_v2(task_id, name, *args, **options)
        message.headers.update(to_headers(context))
        if self.is_sealed:
            message.body[2][NAME] = carried(name, task_id, context)
        return message


def install() -> None:
    """Set the context before a task runs, and until its callbacks and the next of its chain are sent."""
    signals.task_prerun.connect(_enter, weak=False)
    signals.task_postrun.connect(_leave, weak=False)


def _enter(task: Any, **_: object) -> None:
    request = task.request
    if request.is_eager:
        return  # in the caller's own context
    headers = request.headers or {}
    headers.pop(NAME, None)  # or it would stand in the headers of a retry
    entered: AbstractContextManager[Context] = using(_context(request, headers))
    entered.__enter__()
    setattr(request, _ENTERED, entered)


def _context(request: Any, headers: dict[str, object]) -> Context:
    ids = from_headers({name: text for name, text in headers.items() if isinstance(text, str)}, trusted=True)
    known = request.get(NAME)
    if not isinstance(known, Carried):
        return ids
    return attrs.evolve(
        known.context,
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        trace_id=ids.trace_id,
        sampled=ids.sampled,
    )


def _leave(task: Any, **_: object) -> None:
    entered = task.request.__dict__.pop(_ENTERED, None)
    if entered is not None:
        entered.__exit__(None, None, None)
