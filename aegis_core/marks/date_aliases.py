"""Ready marks for dates; apart from the other aliases, so that these do not load `datetime`."""

from datetime import date
from typing import Annotated, TypeAlias

from aegis_core.marks.taxonomy import PHI

BirthDate: TypeAlias = Annotated[date, PHI.BIRTH_DATE]
AdmissionDate: TypeAlias = Annotated[date, PHI.DATE]
