"""A pod's network: nothing but its own loopback. One thread lives in it and makes its sockets."""

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


class Network:
    """Containers of one pod share it, and keep it over their restarts."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pod network")
        self.path = self.inside(self._leave_for_it)

    def inside(self, call: Callable[[], T]) -> T:
        return self._thread.submit(call).result(20)

    def connect(self, port: int, *, limit: float = 20.0) -> socket.socket:
        return self.inside(lambda: socket.create_connection(("127.0.0.1", port), limit))

    def listen(self, port: int) -> socket.socket:
        return self.inside(lambda: socket.create_server(("127.0.0.1", port)))

    def close(self) -> None:
        self._thread.shutdown()

    @staticmethod
    def _leave_for_it() -> str:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
        return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
