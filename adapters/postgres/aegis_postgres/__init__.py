"""The audit trail and the small documents of Aegis Core in PostgreSQL."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_postgres.address import Address as Address
    from aegis_postgres.audit import PostgresAudit as PostgresAudit
    from aegis_postgres.schema import migrate as migrate
    from aegis_postgres.state import PostgresState as PostgresState

__all__ = ["Address", "PostgresAudit", "PostgresState", "migrate"]

__getattr__, __dir__ = lazy(
    __name__,
    {"Address": ".address", "PostgresAudit": ".audit", "PostgresState": ".state", "migrate": ".schema"},
)
