"""SQLAlchemy with Aegis Core: ``install(engine)``, ``record_changes`` for who changed what, ``sealed`` columns."""

from aegis_sqlalchemy.changes import RowChanged, RowsChanged
from aegis_sqlalchemy.installing import install
from aegis_sqlalchemy.keys import seal_with
from aegis_sqlalchemy.recording import record_changes
from aegis_sqlalchemy.sealing import sealed

__all__ = ["RowChanged", "RowsChanged", "install", "record_changes", "seal_with", "sealed"]
