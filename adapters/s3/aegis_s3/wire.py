"""Requests to one server: pooled connections, verified certificates, and a time-out for each. Blocking."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import attrs
import urllib3
from botocore.utils import get_environ_proxies

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import remaining
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.tls import agreed_version, client_context
from aegis_s3.refusals import unreached

#: Seconds until a connection must be there, and between two signs of life, where the caller has no deadline.
CONNECT: Final = 5.0
SILENCE: Final = 30.0
#: Seconds for clearing up after a call that failed or was cancelled, whatever its deadline was.
CLEARING: Final = 5.0

_CONNECTIONS: Final = 64
# Sent with one time-out each: a large body on a slow line takes longer than any single time-out.
_SLICE: Final = 1 << 18


@attrs.frozen
class Limit:
    """Until when a call must be done. Made where the call began, so that threads it starts know it too."""

    clock: Clock
    adapter: str
    expires_at: float | None

    @classmethod
    def current(cls, clock: Clock, adapter: str, /) -> Self:
        """The deadline of the current context."""
        left = remaining(clock)
        return cls(clock, adapter, None if left is None else clock.monotonic() + left)

    @classmethod
    def clearing(cls, clock: Clock, adapter: str, /) -> Self:
        """The time that clearing up may take."""
        return cls(clock, adapter, clock.monotonic() + CLEARING)

    def left(self) -> float | None:
        """Seconds; None: no deadline.

        Raises:
            AegisError: ``deadline_exceeded``.
        """
        if self.expires_at is None:
            return None
        left = self.expires_at - self.clock.monotonic()
        if left <= 0:
            raise self.exceeded()
        return left

    def exceeded(self) -> AegisError:
        """The error for a deadline that has passed."""
        return AegisError(
            ErrorCode.DEADLINE_EXCEEDED, "the deadline passed before the server answered", adapter=self.adapter
        )

    def timeout(self) -> urllib3.Timeout:
        """What is left, as the driver takes it."""
        left = self.left()
        if left is None:
            return urllib3.Timeout(connect=CONNECT, read=SILENCE)
        return urllib3.Timeout(connect=min(left, CONNECT), read=min(left, SILENCE))

    def failure(self, error: Exception, /) -> AegisError:
        """What a failed exchange means, now."""
        if (
            isinstance(error, urllib3.exceptions.TimeoutError)
            and self.expires_at is not None
            and self.expires_at <= self.clock.monotonic()
        ):
            return self.exceeded()
        return unreached(error, adapter=self.adapter)


class Wire:
    """Connections to one server, shared by all threads.

    Arguments:
        base: ``https://host:port``; a path behind it is left out. The environment's proxies hold.
        authorities: a PEM file that is trusted instead of the system's.

    Raises:
        OSError: the file can't be read.
    """

    def __init__(self, base: str, /, *, authorities: Path | None = None) -> None:
        parts = urlsplit(base)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._context = client_context(authorities=authorities) if parts.scheme == "https" else None
        options: dict[str, Any] = {"maxsize": _CONNECTIONS, "block": False, "retries": False}
        if self._context is not None:
            options["ssl_context"] = self._context
        proxy = get_environ_proxies(base).get(parts.scheme)
        self._pool: urllib3.HTTPConnectionPool | urllib3.ProxyManager
        if proxy:
            self._pool = urllib3.ProxyManager(proxy, **options)
            self._before = self.origin
            self._close: Callable[[], None] = self._pool.clear
        else:
            self._pool = urllib3.connection_from_url(self.origin, **options)
            self._before = ""
            self._close = self._pool.close

    @property
    def tls(self) -> str:
        """The version of TLS that was last agreed on; empty: none, or no connection yet."""
        return "" if self._context is None else agreed_version(self._context)

    def close(self) -> None:
        """Let go of every connection that is not in use."""
        self._close()

    def send(
        self,
        method: str,
        target: str,
        /,
        *,
        headers: Mapping[str, str],
        limit: Limit,
        body: bytes | memoryview | None = None,
        stream: bool = False,
        go_on: Callable[[], None] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """One exchange; no status is an error here.

        Arguments:
            target: path and query, as signed.
            stream: leave the body of the answer to be read.
            go_on: called between slices of the body; what it raises ends the exchange.

        Raises:
            AegisError: ``unavailable``, ``deadline_exceeded`` or ``permission_denied``, without a cause.
        """
        timeout = limit.timeout()
        sent = dict(headers)
        payload: Any = body  # urllib3 takes views, and its types do not say so
        if body is not None and len(body) > _SLICE:
            payload, sent["Content-Length"] = _slices(body, go_on), str(len(body))
        try:
            return self._pool.urlopen(
                method,
                self._before + target,
                body=payload,
                headers=sent,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=not stream,
                decode_content=False,
            )
        except AegisError:
            raise
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failure = limit.failure(error)
        raise failure


def _slices(body: bytes | memoryview, go_on: Callable[[], None] | None) -> Iterator[memoryview]:
    view = memoryview(body)
    for at in range(0, len(view), _SLICE):
        if go_on is not None:
            go_on()
        yield view[at : at + _SLICE]
