import sys

import msgspec

from aegis_core import Mrn, guarded


# FIX
class Patient(msgspec.Struct):
    mrn: Mrn
    ward: str


if __name__ == "__main__":
    print(Patient(mrn=sys.argv[1], ward="4B"))
