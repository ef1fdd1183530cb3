import sys
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

from flask import Flask

app = Flask(__name__)
app.debug = True  # OPEN
# FIX


@app.get("/latest")
def latest() -> str:
    raise LookupError(f"no result for {sys.argv[1]}")


if __name__ == "__main__":
    from werkzeug.debug import DebuggedApplication
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            pass

    app.logger.disabled = True
    # What `app.run()` does.
    served = DebuggedApplication(app, evalex=True) if app.debug else app
    server = make_server("127.0.0.1", 0, served, request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        urlopen(f"http://127.0.0.1:{server.server_port}/latest")
    except HTTPError as answer:
        print(answer.read().decode())
    server.shutdown()
