"""One call for an application that is there already."""

from typing import Any, cast

from celery import Celery, signals
from celery.app.amqp import AMQP
from kombu.utils.imports import symbol_by_name

from aegis_celery import carrying, guarding, sealing, withholding
from aegis_core import AegisError, ErrorCode
from aegis_core.blocking import PerProcess


def install(app: Celery, aegis: PerProcess | None = None, /, *, accept_unsealed: bool = False) -> None:
    """Let no argument, result or exception of a task lie or be written where others read, and carry the context.

    Call it where the application is made, after its settings, in producers and workers alike. The arguments that
    Celery writes into headers, logs and events are withheld; exceptions go to the result backend and to the log
    without their texts and locals; request, correlation and trace ids travel in headers.

    With ``aegis``, bodies of messages and results are sealed, and with them travel principal, purpose, tenant and
    subject. A body opens for the task and id that it was sent for, and for no other.

    Arguments:
        aegis: of whose keyring the keys come, in this process and in those that it forks; closed when a worker ends.
            None: nothing is sealed. Kombu keeps serializers by process, so the last one given counts.
        accept_unsealed: also take messages and results in JSON, while producers without this are still about. Who sent
            those is anybody's guess: they bring ids, and no principal, purpose, tenant or subject.

    Raises:
        AegisError: ``invalid_argument`` for the old task protocol, which has no headers.
    """
    if app.conf.task_protocol != 2:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "task_protocol 1 writes arguments into events: set it to 2, the default"
        )
    if aegis is not None:
        sealing.register(sealing.Sealing(aegis))
        app.conf.task_serializer = app.conf.result_serializer = sealing.NAME
        app.conf.accept_content = [sealing.NAME, "json"] if accept_unsealed else [sealing.NAME]
        app.conf.result_accept_content = app.conf.accept_content
    else:
        app.conf.result_extended = False
    _replace_amqp(app, is_sealed=aegis is not None, must_be_sealed=aegis is not None and not accept_unsealed)
    guard = guarding.of_app(app)
    app.on_after_finalize.connect(guard, weak=False)
    signals.celeryd_after_setup.connect(guard, weak=False)  # for tasks that were registered after that
    if cast("Any", app).finalized:
        guard()
    carrying.install()
    withholding.install()
    if aegis is not None:
        for ending in (signals.worker_process_shutdown, signals.worker_shutdown):
            ending.connect(lambda **_: aegis.close(), weak=False)


def _replace_amqp(app: Any, **own: bool) -> None:
    given: type[AMQP] = symbol_by_name(app.amqp_cls)
    bases = (given,) if issubclass(given, carrying.Carrying) else (carrying.Carrying, given)
    app.amqp_cls = type("AMQP", bases, {**own, "__module__": __name__})
    app.__dict__.pop("amqp", None)  # a cached property
