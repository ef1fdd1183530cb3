import sys

import attrs

from aegis_core import Mrn, guarded


# FIX
@attrs.frozen
class Patient:
    mrn: Mrn
    ward: str


if __name__ == "__main__":
    print(Patient(sys.argv[1], "4B"))
