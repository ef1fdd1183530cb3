import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from urllib.request import urlopen


def application(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]


if __name__ == "__main__":
    command = [sys.executable, "-m", "gunicorn", "program:application"]
    server = subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    for line in server.stdout:
        if found := re.search(r"Listening at: (http://\S+)", line):
            urlopen(f"{found[1]}/patients/{sys.argv[1]}").read()
            server.terminate()
        print(line, end="")
    server.wait()
