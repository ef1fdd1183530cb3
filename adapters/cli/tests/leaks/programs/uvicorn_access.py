import logging
import sys
import threading
import time
from urllib.request import urlopen

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/patients/{mrn}")
def patient(mrn: str) -> str:
    return "ok"


# FIX

if __name__ == "__main__":
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    urlopen(f"http://127.0.0.1:{port}/patients/{sys.argv[1]}").read()
    server.should_exit = True
    running.join()
