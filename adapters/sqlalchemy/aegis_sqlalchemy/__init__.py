"""SQLAlchemy with Aegis Core: ``install(engine)``, and ``record_changes`` for who changed what."""

from aegis_sqlalchemy.changes import RowChanged, RowsChanged
from aegis_sqlalchemy.installing import install
from aegis_sqlalchemy.recording import record_changes

__all__ = ["RowChanged", "RowsChanged", "install", "record_changes"]
