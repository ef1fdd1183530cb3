"""A worker of its own for each test, a real broker, and everything that was ever written there."""

import base64
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis

PROGRAMS = Path(__file__).parent / "programs"
LIMIT = 60.0
_numbers = iter(range(1, 16))


class Broker:
    """One database of the run's Valkey; every byte that clients send to it is kept."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = redis.Redis.from_url(url)
        self.redis.flushall()
        self._seen: list[bytes] = []
        self._socket = socket.create_connection((self.redis.connection_pool.connection_kwargs["host"], self.port))
        self._socket.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self.redis.connection_pool.connection_kwargs["port"]

    def _read(self) -> None:
        while octets := self._socket.recv(1 << 16):
            self._seen.append(octets)

    def written(self) -> bytes:
        """Every command ever sent, as one, and the bodies in it; MONITOR writes what is no ASCII as ``\\xNN``."""
        self.redis.ping()
        escaped = b"".join(self._seen)
        plain = re.sub(rb'\\(["\\])', rb"\1", escaped)
        octets = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), plain)
        bodies = re.findall(rb'"body": "([A-Za-z0-9+/=]*)"', plain)
        return b"\n".join([escaped, plain, octets, *map(base64.b64decode, bodies)])

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self.redis.close()


class Worker:
    """``celery worker`` in a process of its own, and what it says."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "clinic", "worker", "-E", "-l", "DEBUG", *options]
        self.process = subprocess.Popen(
            command, cwd=PROGRAMS, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.lines: list[bytes] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def log(self) -> str:
        return b"".join(self.lines).decode()

    def says(self, text: str) -> None:
        """Wait until it does."""
        until = time.monotonic() + LIMIT
        with self._changed:
            while text not in self.log:
                left = until - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._thread.is_alive()):
                    raise AssertionError(f"the worker never said {text!r}:\n{self.log}")
                self._changed.wait(min(left, 1.0))

    def stop(self) -> str:
        """Warm shutdown; what it said."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._thread.join()
        self.process.stdout.close()
        return self.log


@pytest.fixture
def broker(valkey_server):
    kept = Broker(valkey_server.endpoint.url)
    yield kept
    kept.close()


@pytest.fixture
def environment(broker, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")},
        "AEGIS_ENV": "test",
        "AEGIS_AUDIT": f"file://{home}/audit",
        "AEGIS_STATE": f"file://{home}/state",
        "AEGIS_KEYS": f"file://{home}/keys",
        "AEGIS_STORAGE": f"file://{home}/storage",
        "AEGIS_SUBJECT_KEYS": f"sqlite://{home}/subject-keys.db",
        "AEGIS_EMAIL": f"eml://{home}/mail",
        "BROKER": broker.url,
        "PYTHONPATH": str(PROGRAMS),
    }


@pytest.fixture
def worker(environment):
    """Call it with options of ``celery worker``."""
    started: list[Worker] = []

    def start(*options, **more):
        options = options or ("--pool", "prefork", "-c", "1")
        started.append(Worker({**environment, **more}, *options))
        started[-1].says(" ready.")
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def produce(environment):
    """Run lines of a producer in a process of its own; what it printed. The clinic's names are there."""

    def run(lines, **more):
        program = "from clinic import *\nfrom aegis_core import *\nimport json, sys\n" + lines
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, **more},
            cwd=PROGRAMS,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run
