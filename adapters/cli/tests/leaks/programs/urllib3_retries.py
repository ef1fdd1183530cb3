import logging
import socket
import sys
from contextlib import suppress

import urllib3
from urllib3.exceptions import MaxRetryError

from aegis_core import install_logging

logging.basicConfig()
install_logging()
# FIX

if __name__ == "__main__":
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/patients/{sys.argv.pop()}"
        with suppress(MaxRetryError):
            urllib3.PoolManager().request("GET", url, retries=1)
