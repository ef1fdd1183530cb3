"""Real servers for tests, from packages and without containers: private folder, free loopback port, ended by id."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.testing.servers.catalogue import CATALOGUE as CATALOGUE
    from aegis_core.testing.servers.server import Endpoint as Endpoint
    from aegis_core.testing.servers.server import Missing as Missing
    from aegis_core.testing.servers.server import NotReady as NotReady
    from aegis_core.testing.servers.server import Running as Running
    from aegis_core.testing.servers.server import Server as Server

__all__ = ["CATALOGUE", "Endpoint", "Missing", "NotReady", "Running", "Server"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CATALOGUE": ".catalogue",
        "Endpoint": ".server",
        "Missing": ".server",
        "NotReady": ".server",
        "Running": ".server",
        "Server": ".server",
    },
)
