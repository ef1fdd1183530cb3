import logging
import sys
from dataclasses import dataclass

from aegis_core import Mrn, install_logging


@dataclass
class Patient:
    mrn: Mrn


logging.basicConfig(level=logging.INFO)
# FIX

if __name__ == "__main__":
    logging.getLogger("ward").info("admitted %s", Patient(sys.argv[1]))
