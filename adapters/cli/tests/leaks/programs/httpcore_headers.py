import logging
import sys

import httpx

logging.basicConfig(level=logging.DEBUG)
logging.getLogger("httpx").setLevel(logging.WARNING)
# FIX

if __name__ == "__main__":
    from _server import serve

    httpx.get(f"{serve()}/patients/{sys.argv[1]}", trust_env=False)
