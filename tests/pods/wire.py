"""A wire out of a pod: what connects to a port of its loopback reaches a port of this machine."""

import contextlib
import socket
import threading

from tests.pods.network import Network


class Wire:
    """Made after the pod's network, and closed before it."""

    def __init__(self, network: Network, port: int, target: int, /) -> None:
        self._target = target
        self._listener = network.listen(port)
        # Started here, on a thread of this machine's network: what it starts, connects there.
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(taken,), daemon=True).start()

    def _talk(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError), taken, socket.create_connection(("127.0.0.1", self._target)) as outside:
            back = threading.Thread(target=_pump, args=(outside, taken), daemon=True)
            back.start()
            _pump(taken, outside)
            back.join(60)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
