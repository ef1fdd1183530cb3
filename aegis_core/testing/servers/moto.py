"""moto: many of a cloud's services in one process, lenient on purpose; from the package moto."""

import sys
from importlib.util import find_spec
from pathlib import Path

from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan


class Moto:
    """S3 and KMS that check no signature and no expiry."""

    name = "moto"
    source = "moto (package index)"

    def missing(self) -> str:
        return "" if find_spec("moto") and find_spec("flask_cors") else "pip install 'moto[s3]' flask flask-cors"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        facts = {"access_key": "testing", "secret_key": "testing", "region": "us-east-1"}
        return Plan(
            command,
            Endpoint(port, f"http://127.0.0.1:{port}", facts),
            lambda: answers_http(port, "/moto-api/", below=400),
        )
