"""`KeyVault` on AWS KMS: keys that never leave it."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import anyio.to_thread
import botocore.exceptions
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.port import VaultCapabilities, WrappedKey
from aegis_core.crypto.wrapping import check_wrappable, context_octets, refuse_blob, refuse_missing
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.health import Health
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_s3.reach import COMMON, Found, Reach, find, reach_of, unusable
from aegis_s3.refusals import as_refusal, classify, refused
from aegis_s3.wire import Limit, Wire

T = TypeVar("T")

ADAPTER: Final = "awskms"
_UUID: Final = r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
_ARN: Final = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:"
_KEY_ID: Final = re.compile(rf"(?:{_ARN}key/)?{_UUID}", re.ASCII)
_WANTED: Final = re.compile(rf"(?:(?:{_ARN}key/)?{_UUID}|(?:{_ARN})?alias/[A-Za-z0-9/_-]{{1,250}})", re.ASCII)
_INTEGRITY: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_VERSION: Final = b"\x01"
_SUM_SIZE: Final = 16
_DOMAIN: Final = b"aegis/awskms/v1\0"
_ADVICE: Final = "KMS does not know the key: create it, or mend the URL"


class AwsKms:
    """Implements `KeyVault` with `Encrypt` and `Decrypt`; the context is KMS's encryption context.

    A key id is the ARN of a KMS key. KMS rotates the material of one key by itself, and nobody sees it: to make
    *another* key the active one, point the alias at it, then rewrap the keyring. A key can't be destroyed here (KMS
    keeps it for a week at least), so ``destroy`` is not declared.

    Arguments:
        key: id, ARN or ``alias/NAME``.
        reach: how the service is found.
    """

    name = ADAPTER
    backends = EVERY_BACKEND
    capabilities = VaultCapabilities(multi_host=True)

    def __init__(self, key: str, /, *, reach: Reach | None = None, deps: AdapterDeps | None = None) -> None:
        self._key = key
        self._reach = reach or Reach()
        self._deps = deps or AdapterDeps()
        self._opened: tuple[Found, Wire] | None = None

    async def open(self) -> None:
        """Find the service and see that the key is there.

        Raises:
            AegisError: ``not_found``, ``permission_denied``, ``precondition_failed`` or ``unavailable``.
        """
        if self._opened is not None:
            return
        self._opened = await anyio.to_thread.run_sync(self._connect)
        try:
            await self.active()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with shielded():
                await anyio.to_thread.run_sync(_close, opened)

    async def health(self) -> Health:
        try:
            await self.active()
        except AegisError as error:
            return Health("down", error.message)
        return Health("up")

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return classify(exc)

    def native(self, type_: type[T], /) -> T | None:
        """boto3's client of KMS, while this is open."""
        client = None if self._opened is None else self._opened[0].client
        return client if isinstance(client, type_) else None

    async def active(self) -> str:
        def call(client: Any) -> str:
            return str(client.describe_key(KeyId=self._key)["KeyMetadata"]["Arn"])

        return await self._hop("vault.active", call)

    async def wrap(self, key: bytes, /, *, context: Mapping[str, str]) -> WrappedKey:
        held = KeyMaterial(key)
        del key  # a traceback shows locals: from here on none of ours is the key
        check_wrappable(held, adapter=self.name)
        bound = context_octets(context, adapter=self.name)

        def call(client: Any) -> WrappedKey:
            answer = client.encrypt(KeyId=self._key, Plaintext=held.octets, EncryptionContext=dict(context))
            key_id, sealed = str(answer["KeyId"]), bytes(answer["CiphertextBlob"])
            return WrappedKey(key_id, _VERSION + _sum(key_id, bound, sealed) + sealed)

        return await self._hop("vault.wrap", call)

    async def unwrap(self, wrapped: WrappedKey, /, *, context: Mapping[str, str]) -> bytes:
        bound = context_octets(context, adapter=self.name)
        if not _KEY_ID.fullmatch(wrapped.key_id):
            refuse_missing(self.name)
        # KMS may answer a damaged blob, or one of another key, as it answers who may not use the key. What is only
        # damaged or mixed up is known before it is asked; what was forged is refused there.
        head, sealed = wrapped.blob[: 1 + _SUM_SIZE], wrapped.blob[1 + _SUM_SIZE :]
        if not sealed or head != _VERSION + _sum(wrapped.key_id, bound, sealed):
            refuse_blob(self.name)

        def call(client: Any) -> KeyMaterial | None:
            try:
                answer = client.decrypt(KeyId=wrapped.key_id, CiphertextBlob=sealed, EncryptionContext=dict(context))
            except botocore.exceptions.ClientError as error:
                if as_refusal(error).name in _INTEGRITY:
                    return None
                raise
            # Which key opened it is checked here too: not every server that speaks like KMS does.
            is_same = _tail(str(answer["KeyId"])) == _tail(wrapped.key_id)
            return KeyMaterial(bytes(answer["Plaintext"])) if is_same else None

        found = await self._hop("vault.unwrap", call)
        if found is None:
            refuse_blob(self.name)
        return found.octets

    async def destroy(self, key_id: str, /) -> None:
        raise UnsupportedCapability("destroy", adapter=self.name, operation="vault.destroy")

    def __repr__(self) -> str:
        return f"AwsKms({self._key!r})"

    async def _hop(self, operation: str, call: Callable[[Any], T]) -> T:
        opened = self._opened
        if opened is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE,
                "this vault is not open: open it first",
                operation=operation,
                adapter=self.name,
                retryable=False,
            )
        return await anyio.to_thread.run_sync(lambda: self._plainly(operation, call, opened[0].client))

    # What runs in the thread hop.

    def _plainly(self, operation: str, call: Callable[[Any], T], client: Any) -> T:
        """Call, and raise what is refused without its cause: a driver's frames hold the key."""
        failure: AegisError
        try:
            return call(client)
        except botocore.exceptions.ClientError as error:
            refusal = as_refusal(error)
            failure = refused(refusal, adapter=self.name, operation=operation)
            if failure.code is ErrorCode.NOT_FOUND:
                failure = AegisError(ErrorCode.NOT_FOUND, _ADVICE, adapter=self.name, operation=operation)
            elif failure.code is ErrorCode.PRECONDITION_FAILED and not refusal.name.startswith(("KMS", "Disabled")):
                failure = AegisError(failure.code, "the key can't do this: look at its kind", adapter=self.name)
        except botocore.exceptions.BotoCoreError as error:
            failure = unusable(error, self.name)
        except AegisError as error:
            failure = AegisError(
                error.code, error.message, adapter=self.name, operation=operation, retry_after=error.retry_after
            )
        except (ValueError, KeyError, TypeError, AttributeError):  # what botocore raises over an answer that is none
            failure = AegisError(
                ErrorCode.UNAVAILABLE,
                "the server answered what KMS does not answer: look at the endpoint",
                adapter=self.name,
                operation=operation,
            )
        raise failure

    def _connect(self) -> tuple[Found, Wire]:
        found = find("kms", self._reach, adapter=self.name)
        wire = Wire(found.base, authorities=found.authorities)
        clock = self._deps.clock

        def send(request: Any, **_: object) -> AWSResponse:
            # botocore's own time-outs are those of a client; ours are those of a call.
            body = request.body
            answer = wire.send(
                request.method,
                request.url.removeprefix(wire.origin) or "/",
                headers={str(name): _header(value) for name, value in request.headers.items()},
                body=body.encode() if isinstance(body, str) else body,
                limit=Limit.current(clock, ADAPTER),
                stream=True,
            )
            try:
                answer.read(cache_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure = Limit.current(clock, ADAPTER).failure(error)
            else:
                headers = HTTPHeaders.from_dict(dict(answer.headers.items()))
                return AWSResponse(request.url, answer.status, headers, _Whole(answer.data))
            raise failure

        found.client.meta.events.register("before-send.kms", send)
        return found, wire


class _Whole:
    """A body that was read."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._octets]


def _header(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _sum(key_id: str, context: bytes, sealed: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + key_id.encode() + b"\0" + context + b"\0" + sealed).digest()[:_SUM_SIZE]


def _tail(key_id: str) -> str:
    return key_id.rpartition("/")[2]


def _close(opened: tuple[Found, Wire]) -> None:
    found, wire = opened
    wire.close()
    found.client.close()


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> AwsKms:
    """Make one for ``awskms://KEY_ID``, ``awskms://alias/NAME`` or ``awskms:ARN``. Credentials come from boto3's chain.

    Options: ``region``, ``endpoint``, ``profile``, ``ca`` (see `Reach`).

    Raises:
        SettingsError: with every problem at once.
    """
    problems: list[Problem] = []
    reach = reach_of(url, problems, kind="kms", environment=deps.environment, options=COMMON)
    key = f"{url.host}{url.path}".strip("/")
    if not _WANTED.fullmatch(key) or url.port is not None:
        problems.append(
            Problem(url.scheme, "must name a key", hint="write awskms://alias/NAME, awskms://KEY-ID or awskms:ARN")
        )
    if problems:
        raise SettingsError(problems)
    return AwsKms(key, reach=reach, deps=deps)
