import logging
import sys
import warnings

import pydantic

from aegis_core import Mrn, guarded, install_logging

logging.basicConfig()
install_logging()


@guarded
class Order(pydantic.BaseModel):
    mrn: Mrn
    count: int


# FIX

if __name__ == "__main__":
    order = Order(mrn="x", count=1)
    order.count = sys.argv[1]
    order.model_dump()
