"""gunicorn loads the application, forks its workers, serves, and is told to end in the middle of it."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing

from tests.architecture.tree import ROOT

CLIENTS = 6


def start(workplace, listening):
    options = ["--workers", "2", "--worker-class", "gthread", "--threads", "3", "--preload", "--no-control-socket"]
    options += ["--config", ROOT / "tests" / "processes" / "gunicorn_conf.py"]
    with (workplace.folder / "gunicorn.log").open("wb") as told:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                *options,
                "--bind",
                f"fd://{listening.fileno()}",
                "wsgi_app:application",
            ],
            cwd=workplace.folder,
            env=workplace.environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'processes'}"},
            pass_fds=[listening.fileno()],
            stderr=told,
        )


def test_preloaded_and_forked_workers_lose_nothing_that_was_submitted_before_they_end(workplace):
    answered, workers, enough = [], set(), threading.Event()

    def client(number, port):
        for turn in range(1000):
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                    connection.request("GET", f"/{number}.{turn}")
                    reply = connection.getresponse()
                    worker = int(reply.read())
            except (OSError, http.client.HTTPException):
                assert enough.is_set()  # it was asked to end: nobody answers any more
                return
            assert reply.status == 200
            answered.append(f"{number}.{turn}")
            workers.add(worker)
            if len(workers) == 2 and len(answered) > 60:
                enough.set()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        port = listening.getsockname()[1]
        server = start(workplace, listening)
    try:
        threads = [threading.Thread(target=client, args=(number, port)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        assert enough.wait(30), (workplace.folder / "gunicorn.log").read_text()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        for thread in threads:
            thread.join(30)
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    assert "Traceback" not in (workplace.folder / "gunicorn.log").read_text()
    labels = workplace.labels()
    assert labels.count("loaded") == 1  # by the parent, which forked after that
    last_words = {f"{worker} ends, {number}" for worker in workers for number in range(50)}
    assert set(answered) | last_words <= set(labels)
    assert len(set(labels)) == len(labels)
    assert server.pid not in workers
    assert set(answered) <= {line["label"] for line in workplace.lines() if line["event"] == "filed"}
