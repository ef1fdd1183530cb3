"""Asking servers, in their own protocols, whether they answer. `OSError` means no."""

import http.client
import socket
import struct

_LIMIT = 2.0


def said(port: int, /, *, first: bytes = b"", expected: bytes) -> bool:
    """Whether a server says the expected bytes, after ``first`` was sent."""
    with socket.create_connection(("127.0.0.1", port), _LIMIT) as connection:
        connection.settimeout(_LIMIT)
        if first:
            connection.sendall(first)
        return connection.recv(4096).startswith(expected)


def answers_http(
    port: int, path: str = "/", /, *, method: str = "GET", body: bytes | None = None, below: int = 500
) -> bool:
    """Whether a request is answered with a status below ``below``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status < below
    except http.client.HTTPException:
        return False
    finally:
        connection.close()


def answers_postgres(port: int, /) -> bool:
    """Whether a start-up message (protocol 3.0) is answered with a request or a word of welcome, not with an error."""
    body = struct.pack(">I", 196_608) + b"user\0postgres\0database\0postgres\0\0"
    message = struct.pack(">I", len(body) + 4) + body
    return said(port, first=message, expected=b"R")
