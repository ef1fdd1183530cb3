import logging
import sys

import httpx2

from aegis_core import install_logging

logging.basicConfig(level=logging.INFO)
# FIX

if __name__ == "__main__":
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200))
    httpx2.Client(transport=transport).get(f"http://lab.test/patients/{sys.argv[1]}")
