"""Flask with Aegis Core: ``install(app, aegis)``, and ``signed_in`` for who acts."""

from aegis_flask.installing import install
from aegis_flask.principal import SignedIn, signed_in

__all__ = ["SignedIn", "install", "signed_in"]
