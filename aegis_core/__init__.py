"""Aegis Core: the dozen things that a health service needs before it may touch a patient's record."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.marks import FINANCIAL as FINANCIAL
    from aegis_core.marks import INTERNAL as INTERNAL
    from aegis_core.marks import PHI as PHI
    from aegis_core.marks import PII as PII
    from aegis_core.marks import PUBLIC as PUBLIC
    from aegis_core.marks import SECRET as SECRET
    from aegis_core.marks import Classified as Classified
    from aegis_core.marks import DataClass as DataClass
    from aegis_core.marks import Purpose as Purpose

_MARKS = [
    "Classified",
    "DataClass",
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "Purpose",
    "SECRET",
]

__all__ = [
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "SECRET",
    "Classified",
    "DataClass",
    "Purpose",
]

__getattr__, __dir__ = lazy(__name__, dict.fromkeys(_MARKS, "aegis_core.marks"))
