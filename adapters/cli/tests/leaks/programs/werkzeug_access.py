import logging
import sys
import threading
from urllib.request import urlopen

from flask import Flask
from werkzeug.serving import make_server

logging.basicConfig(level=logging.INFO)
# FIX

app = Flask(__name__)


@app.get("/patients/<mrn>")
def patient(mrn: str) -> str:
    return "ok"


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    urlopen(f"http://127.0.0.1:{server.server_port}/patients/{sys.argv[1]}").read()
    server.shutdown()
