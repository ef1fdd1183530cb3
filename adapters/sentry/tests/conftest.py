"""A server that takes what Sentry's SDK sends, as Sentry's own does, and keeps every byte; it plays a lab, too."""

import gzip
import json
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest


class Received:
    def __init__(self, port: int) -> None:
        self.dsn = f"http://public@127.0.0.1:{port}/1"
        self.bodies: list[bytes] = []
        self.headers: list[str] = []

    @property
    def items(self) -> list[tuple[dict, object]]:
        """Headers and payloads of all items of all envelopes."""
        found = []
        for body in self.bodies:
            _, _, rest = body.partition(b"\n")
            while rest.strip():
                head, _, rest = rest.lstrip(b"\n").partition(b"\n")
                headers = json.loads(head)
                length = headers.get("length", len(rest.partition(b"\n")[0]))
                payload, rest = rest[:length], rest[length:]
                try:
                    found.append((headers, json.loads(payload)))
                except ValueError:
                    found.append((headers, payload))
        return found

    def of(self, type_: str) -> list[dict]:
        return [payload for headers, payload in self.items if headers["type"] == type_]


@pytest.fixture
def received() -> Iterator[Received]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            encoding = self.headers.get("content-encoding")
            received.headers.append(str(self.headers))
            if self.path == "/api/1/envelope/":
                received.bodies.append(
                    gzip.decompress(sent) if encoding == "gzip" else zlib.decompress(sent) if encoding else sent
                )
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Received(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
