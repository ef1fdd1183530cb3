import http.client
import sys

import urllib3

http.client.HTTPConnection.debuglevel = 1  # OPEN
# FIX

if __name__ == "__main__":
    from _server import serve

    urllib3.request("GET", f"{serve()}/patients/{sys.argv[1]}")
