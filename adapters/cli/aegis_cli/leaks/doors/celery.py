"""Celery: what messages, logs, events and results say of a task's arguments."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, survives
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import CELERY

_Applications = list[tuple[Any, str]]


def _applications(application: Application) -> _Applications:
    """Celery applications that have a name or a task of their own; not the one that Celery makes for itself."""
    found = application.instances(application.module("celery").Celery)
    named = [(each, application.name_of(each, "")) for each in found]
    return [(each, name) for each, name in named if name]


def _of_each(
    is_open: Callable[[Any, Application], bool], setting: str
) -> Callable[[Application], Iterable[Opening] | None]:
    def look(application: Application) -> Iterable[Opening] | None:
        applications = _applications(application)
        if not applications:
            return None
        return [
            Opening(f"{name}.{setting}", "", *application.assigned(name))
            for each, name in applications
            if is_open(each, application)
        ]

    return look


def _headers_show(app: Any, application: Application) -> bool:
    """Whether a message made by this application says its arguments in its headers, be it their first letter."""
    return _said(app, "a" * 20) != _said(app, "z" * 20)


def _said(app: Any, value: str) -> tuple[Any, Any]:
    message = app.amqp.as_task_v2("id", "name", args=(value,), kwargs={"name": value}, argsrepr=None, kwargsrepr=None)
    return message.headers.get("argsrepr"), message.headers.get("kwargsrepr")


def _keeps_results(app: Any, application: Application) -> bool:
    return bool(app.conf.result_backend) and not app.conf.task_ignore_result and not _seals(app)


def _keeps_arguments(app: Any, application: Application) -> bool:
    return bool(app.conf.result_backend and app.conf.result_extended) and not _seals(app)


def _seals(app: Any) -> bool:
    """Whether `aegis_celery.install` was given keys: its serializer seals whatever lies in the backend."""
    return bool(app.conf.result_serializer == "aegis")


def _sends_events(app: Any, application: Application) -> bool:
    is_sent = app.conf.task_send_sent_event or app.conf.worker_send_task_events
    return bool(is_sent) and _headers_show(app, application)  # events repeat what the headers say


def return_values(application: Application) -> Iterable[Opening] | None:
    """A worker logs what a task returns, at INFO, by handlers that it makes itself."""
    if not _applications(application):
        return None
    logger = logging.getLogger("celery.app.trace")
    is_shown = survives(logger, "%(return_value)s", ({"return_value": TRACER},))
    return [Opening('logger "celery.app.trace"')] if is_shown else []


def failures(application: Application) -> Iterable[Opening] | None:
    """A worker logs what a task raises, as text among the line's arguments, where no redaction knows what it is."""
    if not _applications(application):
        return None
    logger = logging.getLogger("celery.app.trace")
    is_shown = survives(logger, "%(exc)s", ({"exc": TRACER, "traceback": ""},), level=logging.ERROR)
    return [Opening('logger "celery.app.trace"')] if is_shown else []


_SHORT: Final = "app.amqp.argsrepr_maxsize = app.amqp.kwargsrepr_maxsize = 0"

DOORS = (
    Door(
        "celery.headers",
        ("celery",),
        "task arguments in the headers of messages",
        _SHORT,
        _of_each(_headers_show, "amqp"),
        Reach.STORES,
        CELERY,
    ),
    Door(
        "celery.return-values",
        ("celery",),
        "what tasks return, in the worker's log",
        'logging.getLogger("celery.app.trace").setLevel(logging.WARNING)',
        return_values,
        better=CELERY,
    ),
    Door(
        "celery.failures",
        ("celery",),
        "texts of what tasks raise, in the worker's log",
        'logging.getLogger("celery.app.trace").addFilter(lambda line: not isinstance(line.args, dict) or '
        '[setattr(line, "args", {**line.args, "exc": "", "traceback": ""}), setattr(line, "exc_info", None)])',
        failures,
        better=CELERY,
    ),
    Door(
        "celery.results",
        ("celery",),
        "what tasks return or raise, unsealed in the result backend",
        "app.conf.task_ignore_result = True",
        _of_each(_keeps_results, "conf.result_backend"),
        Reach.STORES,
        CELERY,
    ),
    Door(
        "celery.result-arguments",
        ("celery",),
        "task arguments, unsealed in the result backend",
        "app.conf.result_extended = False",
        _of_each(_keeps_arguments, "conf.result_extended"),
        Reach.STORES,
        CELERY,
    ),
    Door(
        "celery.events",
        ("celery",),
        "task arguments in events, for every monitor to see",
        "app.conf.task_send_sent_event = app.conf.worker_send_task_events = False",
        _of_each(_sends_events, "conf.worker_send_task_events"),
        Reach.STORES,
        CELERY,
    ),
)
