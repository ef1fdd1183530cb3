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
from typing import Final
from urllib.parse import urlsplit

from tests.corpus.scripts import carry_alone

_LAST: Final = b'"corpus-ends"'
_BODY: Final = re.compile(rb'"body": "([A-Za-z0-9+/=]*)"')


class Overheard:
    """Every command that any client sends to a server, from now on."""

    def __init__(self, url: str) -> None:
        self._seen = bytearray()
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._socket = socket.create_connection(self._address)
        self._socket.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while _LAST not in self._seen[-200:] and (octets := self._socket.recv(1 << 16)):
            self._seen += octets

    def end(self, *, with_bodies: bool) -> bytes:
        """All of it as the server tells it, with the bodies of messages, which are base64 of JSON, or without."""
        with socket.create_connection(self._address) as other:
            other.sendall(b"ECHO corpus-ends\r\n")
            self._thread.join(30)
        self._socket.close()
        assert _LAST in self._seen, "the server has not told everything"
        told = re.sub(rb'\\(["\\])', rb"\1", bytes(self._seen))
        if not with_bodies:
            return _BODY.sub(b"", told)
        return b"\n".join([told, *map(base64.b64decode, _BODY.findall(told))])


def carry_by_queue(written: Path, environ: Mapping[str, str], *, with_bodies: bool = True) -> set[str]:
    """Start a worker, let the producer send, end the worker. What both wrote and sent lies in ``written`` then.

    Arguments:
        with_bodies: whether bodies of messages are sealed, so that they are kept, too.

    Returns:
        The ids of the cases whose tasks ended as they should.
    """
    overheard = Overheard(environ["CORPUS_SERVER"])
    words = "-m celery -A tests.corpus.apps.celery_app worker -E -l DEBUG --pool=prefork -c2".split()
    with (written / "worker.log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, *words], cwd=written, env=environ, stdout=log, stderr=log)
        try:
            return carry_alone("tests.corpus.apps.celery_producer", written, environ)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=60)
            (written / "broker").write_bytes(overheard.end(with_bodies=with_bodies))
