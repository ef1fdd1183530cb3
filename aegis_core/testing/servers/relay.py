"""A relay before a real server, for what a server itself can't be asked to do: go away, stand still, talk nonsense, or
show a certificate.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, Self

Mood = Literal["passing", "cutting", "still", "garbage"]

#: What a server says that is none of the kind.
GARBAGE: Final = b"\x15\x00garbage\xff\r\n\r\n"


class Relay:
    """Listens on 127.0.0.1 and hands on what it hears, in the mood that it is in. Used with ``with``.

    Arguments:
        upstream: the port of the real server, on 127.0.0.1.
        tls: the server's side of TLS, which ends here; None: bytes pass as they are.
        greet: what is said in the open before TLS begins, for protocols that have such a thing; False hangs up.
    """

    def __init__(
        self,
        upstream: int,
        /,
        *,
        tls: ssl.SSLContext | None = None,
        greet: Callable[[socket.socket], bool] = lambda _: True,
    ) -> None:
        self._upstream = upstream
        self._tls = tls
        self._greet = greet
        self._mood: Mood = "passing"
        self._moving = threading.Event()
        self._moving.set()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.heard = 0  #: bytes of clients that came through to the server

    def feel(self, mood: Mood, /) -> None:
        """Change the mood, for connections that are there, too: ``cutting`` hangs up on whoever says something,
        ``still`` takes and gives nothing, ``garbage`` answers nonsense and hangs up.
        """
        self._mood = mood
        if mood == "still":
            self._moving.clear()
        else:
            self._moving.set()

    def up(self) -> None:
        """Listen: on the same port as before, if there was one."""
        # Linux and macOS let a port be taken again whose old connections are still winding down.
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """End every connection and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for each in self._open.copy():
            _hang_up(each)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._moving.set()
        self.down()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(taken,), daemon=True).start()

    def _talk(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            client = stack.enter_context(taken)
            self._note(client, stack)
            self._moving.wait()
            if self._mood != "passing":
                if self._mood == "garbage":
                    client.sendall(GARBAGE)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):  # closing with something unread would reset the connection
                        pass
                elif self._tls is not None and self._greet(client):
                    client.recv(65536)  # it hangs up in the middle of the handshake
                return
            if self._tls is not None:
                if not self._greet(client):
                    return
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
                self._note(client, stack)
            server = stack.enter_context(socket.create_connection(("127.0.0.1", self._upstream)))
            self._note(server, stack)
            back = threading.Thread(target=self._pump, args=(server, client, None), daemon=True)
            back.start()
            self._pump(client, server, client)
            back.join(10)

    def _note(self, connection: socket.socket, stack: contextlib.ExitStack) -> None:
        self._open.add(connection)
        stack.callback(self._open.discard, connection)

    def _pump(self, source: socket.socket, target: socket.socket, client: socket.socket | None) -> None:
        """Hand on until one side ends. ``client``: the one that is heard, where it is the client."""
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                self._moving.wait()
                if self._mood != "passing":
                    if self._mood == "garbage" and client is not None:
                        client.sendall(GARBAGE)
                    break
                if client is not None:
                    self.heard += len(part)
                target.sendall(part)
        for each in (source, target):
            _hang_up(each)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
