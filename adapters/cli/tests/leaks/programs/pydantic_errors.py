import sys

import pydantic

from aegis_core import Mrn, guarded


# FIX
class Order(pydantic.BaseModel):
    mrn: Mrn
    count: int


if __name__ == "__main__":
    try:
        Order(mrn="x", count=sys.argv[1])
    except pydantic.ValidationError as problem:
        print(problem)
