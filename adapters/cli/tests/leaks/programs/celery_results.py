import sys

from celery import Celery

app = Celery("reminders", broker="memory://", backend="file:///tmp")
# FIX


@app.task
def find() -> str:
    return sys.argv[1]


if __name__ == "__main__":
    import tempfile
    from pathlib import Path

    from celery.contrib.testing.worker import start_worker

    with tempfile.TemporaryDirectory() as folder:
        app.conf.result_backend = f"file://{folder}"
        with start_worker(app, perform_ping_check=False):
            result = find.delay()
            if not app.conf.task_ignore_result:
                result.get(timeout=20)
        for stored in Path(folder).iterdir():
            print(stored.read_text())
