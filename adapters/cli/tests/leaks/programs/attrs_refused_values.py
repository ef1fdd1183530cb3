import sys

import attrs

from aegis_core import Mrn, guarded


# FIX
@attrs.frozen
class Patient:
    mrn: Mrn = attrs.field(validator=attrs.validators.matches_re(r"\d{9}"))


if __name__ == "__main__":
    try:
        Patient(sys.argv[1])
    except ValueError as problem:
        print(problem)
