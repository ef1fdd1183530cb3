import sys
from typing import NamedTuple

from aegis_core import Mrn, guarded


# FIX
class Patient(NamedTuple):
    mrn: Mrn
    ward: str


if __name__ == "__main__":
    print(Patient(sys.argv[1], "4B"))
