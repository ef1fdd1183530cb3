import logging
import sys

import urllib3

logging.basicConfig(level=logging.DEBUG)
# FIX

if __name__ == "__main__":
    from _server import serve

    urllib3.request("GET", f"{serve()}/patients/{sys.argv[1]}")
