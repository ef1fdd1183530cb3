"""What a connection says of itself: how it is encrypted, and what time it is on the other side."""

from collections.abc import Mapping

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_postgres.connections import Connection


def condition(connection: Connection, /) -> Mapping[str, str | int | float]:
    """Facts for `Health`: ``tls``, where there is any, and ``clock_ahead_s``, by how many seconds the server's clock is
    ahead of this host's.
    """
    began = SYSTEM_CLOCK.wall_ns()
    row = connection.ask(
        "SELECT extract(epoch FROM clock_timestamp())::float8, "
        "coalesce((SELECT version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()), '')"
    ).fetchone()
    assert row is not None
    here = (began + SYSTEM_CLOCK.wall_ns()) / 2e9
    facts: dict[str, str | int | float] = {"clock_ahead_s": round(row[0] - here, 3)}
    if row[1]:
        facts["tls"] = str(row[1])
    return facts
