"""Django with Aegis Core: ``INSTALLED_APPS += ["aegis_django"]``, and the same names without ``await``."""

from aegis_django.commits import record_after_commit
from aegis_django.marking import marked
from aegis_django.refusals import refused
from aegis_django.sealing import SealedField
from aegis_django.services import aegis
from aegis_django.tokens import TokenField

__all__ = ["SealedField", "TokenField", "aegis", "marked", "record_after_commit", "refused"]
