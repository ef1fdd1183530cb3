"""Runs a worker and the producer of its cases, and keeps everything that either tells their broker."""

import base64
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.corpus.scripts import carry_alone


class Overheard:
    """Every command that any client sends to a server, from now on."""

    def __init__(self, url: str) -> None:
        self._seen: list[bytes] = []
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while octets := self._socket.recv(1 << 16):
            self._seen.append(octets)

    def end(self) -> bytes:
        """All of it as the server tells it, and the bodies of messages, which are base64 of JSON."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        told = re.sub(rb'\\(["\\])', rb"\1", b"".join(self._seen))
        bodies = re.findall(rb'"body": "([A-Za-z0-9+/=]*)"', told)
        return b"\n".join([told, *map(base64.b64decode, bodies)])


def carry_by_queue(written: Path, environ: Mapping[str, str]) -> set[str]:
    """Start a worker, let the producer send, end the worker. What both wrote and sent lies in ``written`` then.

    Returns:
        The ids of the cases whose tasks ended as they should.
    """
    overheard = Overheard(environ["CORPUS_SERVER"])
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.corpus.apps.celery_app",
        "worker",
        "-E",
        "-l",
        "DEBUG",
        "--pool=prefork",
        "-c2",
    ]
    with (written / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=written, env=environ, stdout=log, stderr=log)
        try:
            return carry_alone("tests.corpus.apps.celery_producer", written, environ)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=60)
            (written / "broker").write_bytes(overheard.end())
