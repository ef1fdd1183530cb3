"""moto: many of a cloud's services in one process, lenient on purpose; from the package moto."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from aegis_core.testing.servers.binaries import version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan


class Moto:
    """S3 and KMS that check no signature and no expiry."""

    name = "moto"
    source = "moto (package index)"
    unchecked: Mapping[str, str] = {
        "signature": "signatures (SigV4): a wrong secret may do everything",
        "age": "the date of a request: one that was signed years ago is served",
        "checksum": "checksums: a body that does not fit the one that is sent with it is stored",
        "match-in-parts": "`If-Match` of an upload in parts",
        "policy": "policies: every identity may do everything, in S3 and in KMS",
    }

    def product(self) -> str:
        return f"moto {version_of('moto')}".strip()

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
