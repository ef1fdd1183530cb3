"""One mark on a field that every log line, record and message honours. Standard library only; usable alone."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.marks.classified import Classified as Classified
    from aegis_core.marks.purpose import Purpose as Purpose
    from aegis_core.marks.taxonomy import FINANCIAL as FINANCIAL
    from aegis_core.marks.taxonomy import INTERNAL as INTERNAL
    from aegis_core.marks.taxonomy import PHI as PHI
    from aegis_core.marks.taxonomy import PII as PII
    from aegis_core.marks.taxonomy import PUBLIC as PUBLIC
    from aegis_core.marks.taxonomy import SAFE_HARBOR as SAFE_HARBOR
    from aegis_core.marks.taxonomy import SECRET as SECRET
    from aegis_core.marks.taxonomy import DataClass as DataClass

__all__ = [
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "SAFE_HARBOR",
    "SECRET",
    "Classified",
    "DataClass",
    "Purpose",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Classified": ".classified",
        "DataClass": ".taxonomy",
        "FINANCIAL": ".taxonomy",
        "INTERNAL": ".taxonomy",
        "PHI": ".taxonomy",
        "PII": ".taxonomy",
        "PUBLIC": ".taxonomy",
        "Purpose": ".purpose",
        "SAFE_HARBOR": ".taxonomy",
        "SECRET": ".taxonomy",
    },
)
