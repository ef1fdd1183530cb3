import logging
import sys

import httpx

from aegis_core import install_logging

logging.basicConfig(level=logging.INFO)
# FIX

if __name__ == "__main__":
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    httpx.Client(transport=transport).get(f"http://lab.test/patients/{sys.argv[1]}")
