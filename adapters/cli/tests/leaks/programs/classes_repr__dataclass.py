import sys
from dataclasses import dataclass

from aegis_core import Mrn, guarded


# FIX
@dataclass
class Patient:
    mrn: Mrn
    ward: str


if __name__ == "__main__":
    print(Patient(sys.argv[1], "4B"))
