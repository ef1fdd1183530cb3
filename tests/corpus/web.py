"""Sends every case of a web application to it, and keeps what it answers."""

import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path

from tests.corpus import case as cases
from tests.corpus.case import Case
from tests.corpus.wires import OWN_WIRES, STATUS, WIRES, Sent


def serve(command: Sequence[str], written: Path, environ: Mapping[str, str]) -> set[str]:
    """Start a server, send it its cases, end it. Everything that it wrote and answered lies in ``written`` then.

    Returns:
        The ids of the cases that were carried.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening, (written / "server.log").open("wb") as log:
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [word.format(fd=number) for word in command],
            cwd=written,
            env={**environ, "CORPUS_SOCKET": str(number)},
            stdout=log,
            stderr=log,
            pass_fds=[number],
        )
        listening.close()  # so that nobody waits for a server that has died
        try:
            started, _ = _answer(port, Sent("GET", "/find", 200))  # waits in the socket's queue until somebody takes it
            assert started == 200, (written / "server.log").read_text()
            answers = {
                case: _answer(port, _request(case)) for case in cases.read(Path(environ["CORPUS_CASES"])).values()
            }
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    (written / "answers").write_bytes(b"\n".join(body for _, body in answers.values()))
    return {case.id for case, (status, _) in answers.items() if status == _request(case).status}


def _request(case: Case) -> Sent:
    send = (WIRES | OWN_WIRES).get(case.carrier)
    if send is not None:
        return send(case)
    status = STATUS.get(case.carrier, STATUS.get(case.carrier.partition(": ")[0], 200))
    return Sent("GET", f"/cases/{case.id}", status)


def _answer(port: int, sent: Sent) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(sent.method, sent.target, sent.body, dict(sent.headers))
        answer = connection.getresponse()
        return answer.status, str(answer.headers).encode() + answer.read()
    finally:
        connection.close()
