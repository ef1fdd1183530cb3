import logging
import sys

from celery import Celery

app = Celery("reminders", broker="memory://", backend="cache+memory://")
# FIX


@app.task
def find() -> str:
    raise LookupError(f"no bed for {sys.argv[1]}")


if __name__ == "__main__":
    from celery.contrib.testing.worker import start_worker

    app.log.setup_logging_subsystem(loglevel=logging.INFO)
    with start_worker(app, perform_ping_check=False, loglevel=logging.INFO):
        find.delay().get(timeout=20, propagate=False)
