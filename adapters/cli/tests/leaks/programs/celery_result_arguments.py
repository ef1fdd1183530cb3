import sys

from celery import Celery

app = Celery("reminders", broker="memory://", backend="file:///tmp")
app.conf.result_extended = True  # OPEN
# FIX


@app.task
def remind(mrn: str) -> None:
    pass


if __name__ == "__main__":
    import tempfile
    from pathlib import Path

    from celery.contrib.testing.worker import start_worker

    with tempfile.TemporaryDirectory() as folder:
        app.conf.result_backend = f"file://{folder}"
        with start_worker(app, perform_ping_check=False):
            remind.delay(sys.argv[1]).get(timeout=20)
        for stored in Path(folder).iterdir():
            print(stored.read_text())
