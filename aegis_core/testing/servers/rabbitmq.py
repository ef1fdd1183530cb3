"""RabbitMQ, from the system's packages."""

import os
from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import said
from aegis_core.testing.servers.server import Endpoint, Plan

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class RabbitMQ:
    """A node of one's own, with the user ``guest``; its name server ends with it."""

    name = "rabbitmq"
    source = "rabbitmq-server (Debian)"
    unchecked: Mapping[str, str] = {}

    def product(self) -> str:
        found = sorted(_PROGRAM.parents[1].glob("lib/rabbitmq_server-*"))
        return f"RabbitMQ {found[-1].name.rpartition('-')[2]}" if found else "RabbitMQ"

    def missing(self) -> str:
        return "" if _PROGRAM.exists() else "apt-get install rabbitmq-server"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        environ = {
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODENAME": f"aegis{port}@localhost",
            "RABBITMQ_DIST_PORT": str(ports.take()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(ports.take()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
        }
        if os.geteuid() == 0:
            folder.chmod(0o777)  # the start script changes to the user rabbitmq, who needs to reach the folder
        greeting = b"AMQP\x00\x00\x09\x01"
        endpoint = Endpoint(port, f"amqp://guest:guest@127.0.0.1:{port}/")
        command = [str(_PROGRAM)]
        return Plan(command, endpoint, lambda: said(port, first=greeting, expected=b"\x01\x00\x00"), environ=environ)
