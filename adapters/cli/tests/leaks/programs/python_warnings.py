import logging
import sys
import warnings

from aegis_core import install_logging

logging.basicConfig()
install_logging()
# FIX

if __name__ == "__main__":
    warnings.warn(f"{sys.argv.pop()} was admitted twice", stacklevel=1)
