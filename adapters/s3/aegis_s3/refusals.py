"""What an answer that is not the one asked for means: one table of codes, and a sentence that says what to do."""

from collections.abc import Mapping
from typing import Final

import botocore.exceptions
import urllib3.exceptions

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.tls import is_certificate_failure

_SLOW_DOWN: Final = 1.0  # seconds, where the server does not say how long
_MULTIPLE_CHOICES: Final = 300
_SERVER: Final = 500


class Refusal(Exception):
    """A status that is not a success. Holds nothing of what the server wrote but the name of the error."""

    def __init__(self, status: int, name: str = "", /, *, retry_after: float | None = None, region: str = "") -> None:
        super().__init__(f"status {status} {name}")
        self.status = status
        self.name = name
        self.retry_after = retry_after
        self.region = region


_NAMED: Final[Mapping[str, ErrorCode]] = {
    **dict.fromkeys(("NoSuchKey", "NotFoundException", "NoSuchVersion"), ErrorCode.NOT_FOUND),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "AccountProblem",
            "AllAccessDisabled",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "InvalidToken",
            "KMSAccessDeniedException",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
            "UnrecognizedClientException",
        ),
        ErrorCode.PERMISSION_DENIED,
    ),
    **dict.fromkeys(
        (
            "AuthorizationHeaderMalformed",
            "DisabledException",
            "IllegalLocationConstraintException",
            "InvalidBucketName",
            "InvalidKeyUsageException",
            "KMSInvalidStateException",
            "NoSuchBucket",
            "PermanentRedirect",
            "PreconditionFailed",
            "TemporaryRedirect",
        ),
        ErrorCode.PRECONDITION_FAILED,
    ),
    **dict.fromkeys(("ConditionalRequestConflict", "NoSuchUpload", "OperationAborted"), ErrorCode.CONFLICT),
    **dict.fromkeys(("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"), ErrorCode.INTEGRITY),
    **dict.fromkeys(
        ("EntityTooLarge", "InsufficientStorage", "LimitExceededException", "QuotaExceeded", "XMinioStorageFull"),
        ErrorCode.RESOURCE_EXHAUSTED,
    ),
    **dict.fromkeys(("MethodNotAllowed", "NotImplemented"), ErrorCode.UNSUPPORTED),
    **dict.fromkeys(
        (
            "DependencyTimeoutException",
            "InternalError",
            "KMSInternalException",
            "KeyUnavailableException",
            "RequestTimeout",
            "ServiceUnavailable",
            "SlowDown",
            "ThrottlingException",
        ),
        ErrorCode.UNAVAILABLE,
    ),
    "InvalidRange": ErrorCode.INVALID_ARGUMENT,
    "KeyTooLongError": ErrorCode.INVALID_ARGUMENT,
}

_BY_STATUS: Final[Mapping[int, ErrorCode]] = {
    401: ErrorCode.PERMISSION_DENIED,
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.UNSUPPORTED,
    409: ErrorCode.CONFLICT,
    412: ErrorCode.PRECONDITION_FAILED,
    413: ErrorCode.RESOURCE_EXHAUSTED,
    416: ErrorCode.INVALID_ARGUMENT,
    429: ErrorCode.UNAVAILABLE,
    501: ErrorCode.UNSUPPORTED,
    507: ErrorCode.RESOURCE_EXHAUSTED,
}

_ADVICE: Final[Mapping[str | ErrorCode, str]] = {
    "NoSuchBucket": "there is no such bucket: create it, or mend the URL",
    "NoSuchUpload": "the upload was ended by somebody else, such as a sweep or a lifecycle rule: upload again",
    "RequestTimeTooSkewed": "this host's clock differs too much from the server's: set it",
    "KMSInvalidStateException": "the key is disabled or about to be deleted: enable it",
    "DisabledException": "the key is disabled: enable it",
    ErrorCode.NOT_FOUND: "there is no object with this key",
    ErrorCode.PERMISSION_DENIED: "the server refused the credentials, or their policy forbids this: look at both",
    ErrorCode.PRECONDITION_FAILED: "the object is not the one that was named",
    ErrorCode.CONFLICT: "somebody else was writing here at the same time: do it again",
    ErrorCode.INTEGRITY: "what the server got is not what was sent: do it again",
    ErrorCode.RESOURCE_EXHAUSTED: "there is no room for it: make some, or raise the limit",
    ErrorCode.UNSUPPORTED: "the server does not offer what was asked of it: look at the adapter's options",
    ErrorCode.UNAVAILABLE: "the server did not answer as it should: see whether it is up, then try again",
    ErrorCode.INVALID_ARGUMENT: "the server takes no such request: look at the URL of the adapter",
}
_REDIRECTED: Final = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "TemporaryRedirect"}
)
_AGAIN: Final = frozenset({ErrorCode.CONFLICT, ErrorCode.INTEGRITY})


def code_of(refusal: Refusal, /) -> ErrorCode:
    """The code of a refusal, by the error's name, or else by the status."""
    named = _NAMED.get(refusal.name)
    if named is not None:
        return named
    if refusal.status >= _SERVER:
        return _BY_STATUS.get(refusal.status, ErrorCode.UNAVAILABLE)
    if refusal.status in (301, 307, 308):
        return ErrorCode.PRECONDITION_FAILED
    return _BY_STATUS.get(refusal.status, ErrorCode.INVALID_ARGUMENT)


def refused(refusal: Refusal, /, *, adapter: str, operation: str = "") -> AegisError:
    """The error for a refusal. It quotes nothing that the server wrote, but for a region's name."""
    code = code_of(refusal)
    if refusal.name in _REDIRECTED or refusal.status in (301, 307, 308):
        where = f": write region={refusal.region} into the URL" if refusal.region else ": name its region in the URL"
        message = f"the bucket is in another region{where}"
    else:
        message = _ADVICE.get(refusal.name) or _ADVICE[code]
    after = refusal.retry_after
    if after is None and refusal.name in {"SlowDown", "ThrottlingException"}:
        after = _SLOW_DOWN
    return AegisError(
        code,
        message,
        adapter=adapter,
        operation=operation,
        retryable=True if code in _AGAIN else None,
        retry_after=after if code is ErrorCode.UNAVAILABLE else None,
    )


def classify(exc: BaseException, /) -> ErrorCode | None:
    """The code of an exception of botocore or urllib3, as it comes out of a client that `native` gave."""
    match exc:
        case Refusal():
            return code_of(exc)
        case botocore.exceptions.ClientError():
            return code_of(as_refusal(exc))
        case (
            botocore.exceptions.NoCredentialsError()
            | botocore.exceptions.PartialCredentialsError()
            | botocore.exceptions.CredentialRetrievalError()
        ):
            return ErrorCode.PERMISSION_DENIED
        case botocore.exceptions.HTTPClientError() | urllib3.exceptions.HTTPError():
            return ErrorCode.PERMISSION_DENIED if is_certificate_failure(exc) else ErrorCode.UNAVAILABLE
        case botocore.exceptions.BotoCoreError():
            return ErrorCode.INVALID_ARGUMENT
        case _:
            return None


def as_refusal(error: botocore.exceptions.ClientError, /) -> Refusal:
    """What botocore's own error says, without its words."""
    metadata = error.response.get("ResponseMetadata", {})
    name = str(error.response.get("Error", {}).get("Code", ""))
    return Refusal(int(metadata.get("HTTPStatusCode", 0)), name)


def unreached(error: Exception, /, *, adapter: str) -> AegisError:
    """The error for a server that was not reached, or that broke off. The caller raises it without its cause: a
    driver's exception shows the request's address, and a key stands in that.
    """
    if is_certificate_failure(error):
        return AegisError(
            ErrorCode.PERMISSION_DENIED,
            "the server's certificate is not one for this name, or from no authority that is trusted here: look at the "
            "endpoint and at ca=",
            adapter=adapter,
        )
    # urllib3 counts a refused connection among its time-outs.
    is_late = isinstance(error, urllib3.exceptions.TimeoutError)
    if is_late and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return AegisError(ErrorCode.UNAVAILABLE, "the server did not answer in time: try again later", adapter=adapter)
    kind = type(getattr(error, "reason", None) or error).__name__
    return AegisError(
        ErrorCode.UNAVAILABLE, f"the server cannot be reached, or broke off ({kind}): try again later", adapter=adapter
    )


def is_success(status: int, /) -> bool:
    """Whether a status is one of the 200s."""
    return _MULTIPLE_CHOICES > status >= 200
