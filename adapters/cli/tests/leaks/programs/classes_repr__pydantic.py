import sys

import pydantic

from aegis_core import Mrn, guarded


# FIX
class Patient(pydantic.BaseModel):
    mrn: Mrn
    ward: str


if __name__ == "__main__":
    print(Patient(mrn=sys.argv[1], ward="4B"))
