"""`KeyVault` on the transit engine of OpenBao or HashiCorp Vault: keys that never leave the server."""

import binascii
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import anyio.to_thread
import urllib3

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.port import VaultCapabilities, WrappedKey
from aegis_core.crypto.wrapping import check_wrappable, context_octets
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import remaining
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.tls import agreed_version, client_context, is_certificate_failure, plaintext_problem
from aegis_core.kernel.url import ServiceUrl
from aegis_vault.client import Refused, TransitClient

T = TypeVar("T")

ADAPTER: Final = "vault"
_SETTING: Final = "AEGIS_KEYS"
_GLANCE: Final = 3.0  # seconds for a look at how the server is
_OPTIONS: Final = ("addr", "ca", "namespace", "token_file")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CIPHERTEXT: Final = re.compile(rb"vault:v([0-9]{1,9}):[A-Za-z0-9+/]+=*")
_CODES: Final[Mapping[int, ErrorCode]] = {
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.NOT_FOUND,
    412: ErrorCode.UNAVAILABLE,
    429: ErrorCode.RESOURCE_EXHAUSTED,
    472: ErrorCode.UNAVAILABLE,
    473: ErrorCode.UNAVAILABLE,
}


class TransitVault:
    """A `KeyVault` on one key of a transit engine, of a type that authenticates associated data (``aes256-gcm96``).

    A key id is ``<name>:v<version>``. Rotate the key on the server (``bao write -f transit/keys/NAME/rotate``), then
    rewrap the keyring. Single versions can't be destroyed, so the capability ``destroy`` is not declared: trim old
    versions on the server, once the keyring is rewrapped.

    Arguments:
        client: the calls; its pool belongs to this adapter from now on.
        key: the key's name, for ids.
    """

    name = ADAPTER
    capabilities = VaultCapabilities(multi_host=True)
    backends = EVERY_BACKEND

    def __init__(self, client: TransitClient, /, *, key: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._key = key
        self._clock = clock

    async def open(self) -> None:
        """See that the server answers and the key is there.

        Raises:
            AegisError: ``not_found``, ``permission_denied`` or ``unavailable``.
        """
        await self.active()

    async def aclose(self) -> None:
        await anyio.to_thread.run_sync(self._client.pool.clear)

    async def health(self) -> Health:
        def look() -> tuple[int, float | None]:
            status, ahead = self._client.health(limit=_GLANCE)
            if status == 200:  # says the server of itself; whether it takes our token only a call with it shows
                self._client.latest(limit=_GLANCE)
            return status, ahead

        try:
            status, ahead = await anyio.to_thread.run_sync(look)
        except Refused as error:
            return Health("down", _ADVICE.get(_CODES.get(error.status), _ADVICE[None]))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Health("down", f"the server does not answer: {type(error).__name__}")
        facts: dict[str, str | int | float] = {"status": status}
        if ahead is not None:
            facts["clock_ahead_s"] = ahead
        context = self._client.pool.connection_pool_kw.get("ssl_context")
        if context is not None and (version := agreed_version(context)):
            facts["tls"] = version
        if status == 200:
            return Health("up", facts=facts)
        if status in {429, 472, 473}:
            return Health("degraded", "the server is a standby", facts)
        return Health("down", "the server is sealed or not initialised", facts)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        match exc:
            case Refused(status=status):
                return _CODES.get(status, ErrorCode.UNAVAILABLE if status >= 500 else ErrorCode.INVALID_ARGUMENT)
            case urllib3.exceptions.HTTPError():
                return ErrorCode.PERMISSION_DENIED if is_certificate_failure(exc) else ErrorCode.UNAVAILABLE
            case OSError():
                return ErrorCode.UNAVAILABLE
            case _:
                return None

    def native(self, type_: type[T], /) -> T | None:
        return self._client.pool if isinstance(self._client.pool, type_) else None

    async def active(self) -> str:
        version = await self._hop("vault.active", lambda limit: self._client.latest(limit=limit))
        return f"{self._key}:v{version}"

    async def wrap(self, key: bytes, /, *, context: Mapping[str, str]) -> WrappedKey:
        held = KeyMaterial(key)
        del key  # a traceback shows locals: from here on none of ours is the key
        check_wrappable(held, adapter=self.name)
        associated = b64encode(context_octets(context, adapter=self.name)).decode()

        def call(limit: float | None) -> WrappedKey:
            version = self._client.latest(limit=limit)
            blob = self._client.encrypt(b64encode(held.octets).decode(), associated, version, limit=limit)
            return WrappedKey(f"{self._key}:v{version}", blob.encode())

        return await self._hop("vault.wrap", call)

    async def unwrap(self, wrapped: WrappedKey, /, *, context: Mapping[str, str]) -> bytes:
        associated = b64encode(context_octets(context, adapter=self.name)).decode()
        name, _, version = wrapped.key_id.rpartition(":v")
        if name != self._key or not (version.isascii() and version.isdecimal()):
            raise AegisError(
                ErrorCode.NOT_FOUND, _ADVICE[ErrorCode.NOT_FOUND], operation="vault.unwrap", adapter=self.name
            )
        form = _CIPHERTEXT.fullmatch(wrapped.blob)
        if form is None or int(form.group(1)) != int(version):
            raise self._not_ours()

        def call(limit: float | None) -> KeyMaterial:
            try:
                text = self._client.decrypt(wrapped.blob.decode(), associated, limit=limit)
                return KeyMaterial(b64decode(text, validate=True))
            except Refused as error:
                if error.status == 400 and error.knows_key:
                    raise self._not_ours() from None
                raise
            except binascii.Error:
                raise Refused(502) from None

        return (await self._hop("vault.unwrap", call)).octets

    async def destroy(self, key_id: str, /) -> None:
        raise UnsupportedCapability("destroy", adapter=self.name, operation="vault.destroy")

    def __repr__(self) -> str:
        return f"TransitVault({self._key!r})"

    async def _hop(self, operation: str, call: Callable[[float | None], T]) -> T:
        limit = remaining(self._clock)
        if limit is not None and limit <= 0:
            raise AegisError(ErrorCode.DEADLINE_EXCEEDED, "no time is left", operation=operation, adapter=self.name)
        try:
            return await anyio.to_thread.run_sync(lambda: call(limit))
        except AegisError:
            raise
        except Exception as error:
            code = self.classify(error)
            if isinstance(error, Refused) and not error.knows_key:
                code = ErrorCode.NOT_FOUND
            if code is None:
                raise
            # Without the cause: a driver's exception may show the request, and a wrapped key stood in it.
            raise AegisError(code, _ADVICE.get(code, _ADVICE[None]), operation=operation, adapter=self.name) from None

    def _not_ours(self) -> AegisError:
        return AegisError(
            ErrorCode.INTEGRITY,
            "the wrapped key was changed, belongs to another key, or was wrapped in another context",
            operation="vault.unwrap",
            adapter=self.name,
        )


_ADVICE: Final[Mapping[ErrorCode | None, str]] = {
    ErrorCode.PERMISSION_DENIED: "the server refused: look at the token, its policy, and the server's certificate",
    ErrorCode.NOT_FOUND: "there is no such key or engine on the server: create it, or mend the URL",
    ErrorCode.RESOURCE_EXHAUSTED: "the server limits how often it is asked: try again later",
    None: "the server did not answer as it should: see whether it is up and unsealed",
}


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> TransitVault:
    """Make one for ``vault://MOUNT/KEY``.

    The server is the option ``addr``, or ``BAO_ADDR`` or ``VAULT_ADDR`` of the environment; the token comes from
    ``BAO_TOKEN`` or ``VAULT_TOKEN``, or from a file (option ``token_file``, by default ``~/.vault-token``), which is
    read again at every call. ``ca`` names a PEM file of authorities, ``namespace`` a namespace.

    Raises:
        SettingsError: with every problem at once.
    """
    problems: list[Problem] = []
    unknown = [option for option in url.options if option not in _OPTIONS]
    problems.extend(
        Problem(_SETTING, "has an option that the adapter does not know", hint=f"known: {', '.join(_OPTIONS)}")
        for _ in unknown
    )
    key = url.path.strip("/")
    if not _NAME.fullmatch(url.host) or not _NAME.fullmatch(key):
        problems.append(Problem(_SETTING, "must be vault://MOUNT/KEY", hint="for example vault://transit/phi"))
    if url.user is not None or url.password is not None:
        problems.append(Problem(_SETTING, "must hold no user and no password", hint="the token comes from VAULT_TOKEN"))
    address = url.options.get("addr") or os.environ.get("BAO_ADDR") or os.environ.get("VAULT_ADDR") or ""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problems.append(
            Problem(_SETTING, "needs the server's address", hint="set VAULT_ADDR, or ?addr=https://host:8200")
        )
    elif parts.scheme == "http":
        problem = plaintext_problem(_SETTING, deps.environment, hint="write https:// in VAULT_ADDR")
        if problem is not None:
            problems.append(problem)
    authorities = url.options.get("ca") or os.environ.get("BAO_CACERT") or os.environ.get("VAULT_CACERT")
    pool: urllib3.PoolManager | None = None
    try:
        pool = urllib3.PoolManager(
            maxsize=8, ssl_context=client_context(authorities=Path(authorities) if authorities else None)
        )
    except OSError:
        problems.append(
            Problem(_SETTING, "names a file of authorities that can't be read", hint="look at ca= or VAULT_CACERT")
        )
    if problems or pool is None:
        raise SettingsError(problems)
    # `os.path`, because `Path.expanduser` raises for a user without a home, as a pod's may be.
    file = Path(url.options.get("token_file") or os.path.expanduser("~/.vault-token"))  # noqa: PTH111

    def token() -> str | None:
        found = os.environ.get("BAO_TOKEN") or os.environ.get("VAULT_TOKEN")
        if found:
            return found
        try:
            return file.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    namespace = url.options.get("namespace") or os.environ.get("BAO_NAMESPACE") or os.environ.get("VAULT_NAMESPACE")
    client = TransitClient(address, mount=url.host, key=key, token=token, namespace=namespace, pool=pool)
    return TransitVault(client, key=key, clock=deps.clock)
