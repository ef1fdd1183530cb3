"""A small clinic's tasks, for the tests: what its environment says decides how it is installed."""

import logging
import os
import signal
from pathlib import Path
from typing import ClassVar

import anyio
import attrs
from celery import Celery, Task
from celery.signals import task_prerun

from aegis_celery import install
from aegis_core import Aegis, AuditEvent, Principal, Purpose, acting, current
from aegis_core.blocking import PerProcess
from aegis_core.local.filesystem.audit import FileAudit

app = Celery("clinic", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True
app.conf.result_extended = True
app.conf.broker_transport_options = {"visibility_timeout": 3}


class SlowDisk(FileAudit):
    """Whatever was submitted still waits when a worker is told to end."""

    async def append(self, entries, /, *, expected_size):
        await anyio.sleep(2)
        return await super().append(entries, expected_size=expected_size)


disk = SlowDisk(Path(os.environ["SLOW"])) if "SLOW" in os.environ else None
aegis = None if os.environ.get("UNSEALED") else PerProcess(Aegis(audit=disk))
if not os.environ.get("BARE"):
    install(app, aegis, accept_unsealed="ACCEPT_UNSEALED" in os.environ)


@attrs.frozen
class Reminded(AuditEvent):
    action: ClassVar[str] = "patient.reminded"
    number: int


@app.task
def remind(patient, *, at=None):
    return {"reminded": patient}


@app.task
def whose():
    context = current()
    return {
        "principal": context.principal and [context.principal.id, sorted(context.principal.roles)],
        "purpose": context.purpose,
        "tenant": context.tenant,
        "subject": context.subject and context.subject.reveal(Purpose.TREATMENT),
        "ids": [context.request_id, context.correlation_id, context.trace_id],
    }


@app.task
def fails(patient):
    try:
        int(patient["mrn"])
    except ValueError as error:
        raise LookupError(f"no bed for {patient}") from error


@app.task(bind=True, max_retries=1, default_retry_delay=0)
def tries(self, patient):
    try:
        raise LookupError(f"no bed for {patient}")
    except LookupError as error:
        raise self.retry(exc=error) from error


@app.task(bind=True, max_retries=1)
def retried(self, patient):
    if self.request.retries:
        return whose.run()
    raise self.retry(countdown=0, exc=LookupError(patient))


@app.task(bind=True, max_retries=1)
def handed_on(self):
    if self.request.retries:
        return whose.run()
    with acting(Principal("night-shift", verified_by="test"), purpose=Purpose.TREATMENT):
        raise self.retry(countdown=0)


@app.task(autoretry_for=(LookupError,), max_retries=1, default_retry_delay=0)
def tries_alone(patient):
    raise LookupError(patient)


class Noting(Task):
    def __call__(self, *args, **kwargs):
        self.run(*args, **kwargs)
        raise LookupError(*args)


@app.task(base=Noting)
def noted(patient):
    return None


class Asked(Task):
    """What Celery asks of it before and after its function raises, too."""

    def before_start(self, task_id, args, kwargs):
        self.tell("before_start", args)

    def on_success(self, retval, task_id, args, kwargs):
        self.tell("on_success", args)

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self.tell("on_retry", args)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        self.tell("on_failure", args)

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        self.tell("after_return", args)

    def tell(self, name, args):
        logging.getLogger(__name__).warning("is asked: %s", name)
        if args[0] == name:
            raise LookupError(f"{name} of {args}")


@app.task(base=Asked, bind=True, max_retries=1)
def asked(self, where, patient):
    if where == "on_retry":
        raise self.retry(countdown=0)
    if where == "on_failure":
        raise LookupError(patient)


@task_prerun.connect
def listens(task, args, **_):
    if task.name == "clinic.noted":
        raise LookupError(args)


@app.task
def joined(parts):
    return [*parts, whose.run()]


@app.task
def after(before):
    return [before, whose.run()]


@app.task
def submits(count):
    logging.getLogger(__name__).warning("submits its events")
    for number in range(count):
        aegis.audit.submit(Reminded(number))


@app.task(acks_late=True, reject_on_worker_lost=True)
def survives(patient, marker):
    if not Path(marker).exists():
        Path(marker).write_text("started")
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"
