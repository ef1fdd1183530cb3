"""FastAPI with Aegis Core: ``install(app, aegis)``, and ``signed_in`` for who acts."""

from aegis_fastapi.installing import install
from aegis_fastapi.principal import signed_in

__all__ = ["install", "signed_in"]
