"""Azurite, Azure's own emulator of its storage, from npm."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan

#: Azurite's well-known account, the same everywhere.
_ACCOUNT = "devstoreaccount1"


class Azurite:
    """The blob service."""

    name = "azurite"
    source = "azurite (npm)"
    unchecked: Mapping[str, str] = {}

    def product(self) -> str:
        script = self._script()
        if script is None:
            return "Azurite"
        package: dict[str, object] = json.loads((script.parents[3] / "package.json").read_bytes())
        return f"Azurite {package['version']}"

    def missing(self) -> str:
        if shutil.which("node") is None:
            return "needs Node.js"
        return "" if self._script() else "npm install azurite, and name its folder in NODE_MODULES"

    def _script(self) -> Path | None:
        for folder in (
            os.environ.get("NODE_MODULES", "node_modules"),
            "/usr/lib/node_modules",
            "/usr/local/lib/node_modules",
        ):
            script = Path(folder, "azurite", "dist", "src", "blob", "main.js")
            if script.exists():
                return script.resolve()
        return None

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        command = [
            "node", str(self._script()), "--silent", "--skipApiVersionCheck", "--disableTelemetry",
            "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "data"),
        ]  # fmt: skip
        endpoint = Endpoint(port, f"http://127.0.0.1:{port}/{_ACCOUNT}", {"account": _ACCOUNT})
        return Plan(command, endpoint, lambda: answers_http(port, below=500))
