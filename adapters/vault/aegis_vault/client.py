"""The few calls of the transit engine that a key vault needs, over HTTP. Blocking: called in a thread hop."""

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3

from aegis_core.kernel.clock import SYSTEM_CLOCK

#: Seconds for one call where the caller has no deadline.
LIMIT: Final = 10.0
_CONNECT: Final = 3.0


class Refused(Exception):
    """An answer that is not the one asked for. Holds the status and, of what the server said, nothing."""

    def __init__(self, status: int, /, *, knows_key: bool = True) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status
        self.knows_key = knows_key


class TransitClient:
    """Talks to one key of one transit engine.

    Arguments:
        address: the server's, ``https://host:8200``.
        mount: the engine's path.
        key: the key's name.
        token: read before every call, so that a token that an agent renews is seen.
        pool: makes the connections; verifies certificates unless the address is plain.
    """

    def __init__(
        self,
        address: str,
        /,
        *,
        mount: str,
        key: str,
        token: Callable[[], str | None],
        namespace: str | None,
        pool: urllib3.PoolManager,
    ) -> None:
        self._base = f"{address.rstrip('/')}/v1/{mount}"
        self._server = f"{address.rstrip('/')}/v1"
        self._key = key
        self._token = token
        self._namespace = namespace
        self.pool = pool

    def latest(self, *, limit: float | None) -> int:
        """The number of the key's newest version."""
        answer = self._call("GET", f"{self._base}/keys/{self._key}", None, limit)
        return int(answer["latest_version"])

    def encrypt(self, plaintext: str, associated: str, version: int, *, limit: float | None) -> str:
        """Encrypt base64 text under one version, with base64 associated data; gives the engine's own text."""
        body = {"plaintext": plaintext, "associated_data": associated, "key_version": version}
        return str(self._call("POST", f"{self._base}/encrypt/{self._key}", body, limit)["ciphertext"])

    def decrypt(self, ciphertext: str, associated: str, *, limit: float | None) -> str:
        """Decrypt; gives base64 text."""
        body = {"ciphertext": ciphertext, "associated_data": associated}
        return str(self._call("POST", f"{self._base}/decrypt/{self._key}", body, limit)["plaintext"])

    def health(self, *, limit: float) -> tuple[int, float | None]:
        """The status of the server's health page (200 is active and unsealed), and by how many seconds the server's
        clock is ahead of this host's, to the second; None: it says no time.
        """
        answer = self.pool.request(
            "GET", f"{self._server}/sys/health", timeout=_timeout(limit), retries=False, headers=self._headers()
        )
        return int(answer.status), _ahead(answer.headers.get("Date"))

    def _headers(self) -> dict[str, str]:
        headers = {"X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        token = self._token()
        if token:
            headers["X-Vault-Token"] = token
        return headers

    def _call(self, method: str, url: str, body: Mapping[str, object] | None, limit: float | None) -> Mapping[str, Any]:
        answer = self.pool.request(
            method,
            url,
            body=None if body is None else json.dumps(body).encode(),
            headers=self._headers() | ({"Content-Type": "application/json"} if body is not None else {}),
            timeout=_timeout(LIMIT if limit is None else limit),
            retries=False,
        )
        if answer.status != 200:
            # What the server says may quote what it was sent: only the kind of refusal is taken from it.
            knows_key = answer.status != 404 and b"key not found" not in answer.data[:4096]
            raise Refused(answer.status, knows_key=knows_key)
        try:
            found = json.loads(answer.data)["data"]
        except (ValueError, KeyError, TypeError):
            raise Refused(502) from None
        if not isinstance(found, dict):
            raise Refused(502)
        return found


def _ahead(date: str | None) -> float | None:
    try:
        return round(parsedate_to_datetime(date or "").timestamp() - SYSTEM_CLOCK.wall_ns() / 1e9)
    except ValueError:
        return None


def _timeout(limit: float) -> urllib3.Timeout:
    limit = max(limit, 0.001)
    return urllib3.Timeout(connect=min(limit, _CONNECT), read=limit, total=limit)
