"""The lab's interface: a real HTTP server on this machine that, for up to two seconds, answers that it can't.

It stands for a system that somebody else runs. It takes a result once per Idempotency-Key, remembers the keys on disk
so that a client who starts again is recognised, and keeps nothing of what it was sent.
"""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.errors import AegisError, ErrorCode


class Lab:
    """Runs the server on a free port of 127.0.0.1 while entered.

    Arguments:
        folder: where the keys of accepted results are remembered, one empty file each.
        outage: seconds for which it answers 503, counted from its fifth request.
    """

    def __init__(self, folder: Path, /, *, outage: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._folder = folder
        self._outage = outage
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = 0
        self._down_until: float | None = None
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, key: str) -> int:
        with self._lock:
            self._requests += 1
            now = self._clock.monotonic()
            if self._requests == 5:
                self._down_until = now + self._outage
            if self._down_until is not None and now < self._down_until:
                self.refused += 1
                return 503
        if not key.isalnum():
            return 400
        try:
            (self._folder / key).touch(exist_ok=False)
        except FileExistsError:
            return 200
        except OSError:
            return 507
        return 201

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer: Callable[[str], int] = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(answer(self.headers.get("Idempotency-Key", "")))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing: request lines are not the clinic's to print."""

        return Handler


class LabClient:
    """Sends one result at a time; blocking, for a worker thread. Errors hold neither address nor body."""

    def __init__(self, port: int, /, *, timeout: float = 2.0) -> None:
        self._port = port
        self._timeout = timeout

    def send(self, body: bytes, /, *, key: str) -> bool:
        """Send a result.

        Returns:
            Whether it is new to the lab; False if it had taken it before.

        Raises:
            AegisError: ``unavailable`` if the lab can't take it now, ``invalid_argument`` if it never will.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request("POST", "/results", body, {"Idempotency-Key": key})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            raise AegisError(ErrorCode.UNAVAILABLE, "the lab did not answer", operation="lab.send") from None
        finally:
            connection.close()
        if status >= 500:
            raise AegisError(ErrorCode.UNAVAILABLE, f"the lab answered {status}", operation="lab.send")
        if status >= 400:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f"the lab answered {status}", operation="lab.send")
        return status == 201
