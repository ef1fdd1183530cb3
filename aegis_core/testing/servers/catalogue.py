"""Every server that tests can ask for, by name."""

from collections.abc import Mapping
from typing import Final

from aegis_core.testing.servers.azurite import Azurite
from aegis_core.testing.servers.fake_gcs import FakeGcs
from aegis_core.testing.servers.moto import Moto
from aegis_core.testing.servers.nats import Nats
from aegis_core.testing.servers.openbao import OpenBao
from aegis_core.testing.servers.postgres import Postgres
from aegis_core.testing.servers.rabbitmq import RabbitMQ
from aegis_core.testing.servers.seaweedfs import SeaweedFS
from aegis_core.testing.servers.server import Server
from aegis_core.testing.servers.smtp import Smtp
from aegis_core.testing.servers.valkey import Valkey

_ALL: Final[tuple[Server, ...]] = (
    Postgres(),
    Valkey(),
    Nats(),
    RabbitMQ(),
    SeaweedFS(),
    Moto(),
    Azurite(),
    FakeGcs(),
    Smtp(),
    OpenBao(),
)

CATALOGUE: Final[Mapping[str, Server]] = {server.name: server for server in _ALL}
