"""Celery with a worker that forks, and what its tasks do."""

import os
from pathlib import Path
from typing import Any, Final

from celery import Celery

from aegis_celery import install
from aegis_core import Aegis
from aegis_core.blocking import PerProcess
from tests.corpus.case import IS_BARE, Case
from tests.corpus.errors import ERRORS
from tests.corpus.lines import LINES
from tests.corpus.logs import set_up

#: Or the bodies of messages and what tasks return are as they were, and all else is silent.
IS_SEALED: Final = os.environ["CORPUS_APP"] != "celery-unsealed"

set_up(Path.cwd())
app = Celery("clinic", broker=os.environ["CORPUS_SERVER"], backend=os.environ["CORPUS_SERVER"])
app.conf.update(result_extended=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
if not IS_BARE:
    install(app, PerProcess(Aegis()) if IS_SEALED else None)


@app.task
def remind(*args: object, **kwargs: object) -> None: ...


@app.task
def answers(who: object) -> object:
    return who


@app.task
def joins(before: object, who: object) -> None: ...


@app.task
def fails(form: str, fields: list[str]) -> None:
    ERRORS[form](Case(*fields))


@app.task(bind=True, max_retries=1)
def tries_again(self: Any, who: str) -> None:
    if not self.request.retries:
        raise self.retry(exc=LookupError(who), countdown=0)
    raise LookupError(who)


@app.task
def writes(carrier: str, fields: list[str]) -> None:
    LINES[carrier](Case(*fields))
