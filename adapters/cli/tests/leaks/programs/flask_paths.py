import logging
import sys
import threading
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import urlopen

from flask import Flask

from aegis_core import install_logging

logging.basicConfig()
install_logging()
app = Flask(__name__)
# FIX


@app.get("/patients/<mrn>")
def patient(mrn: str) -> str:
    raise LookupError("no such patient")


if __name__ == "__main__":
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, handler_class=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with suppress(HTTPError):
        urlopen(f"http://127.0.0.1:{server.server_port}/patients/{sys.argv.pop()}")
    server.shutdown()
