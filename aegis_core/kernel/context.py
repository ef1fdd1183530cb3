"""Who acts, on whose record, for which purpose: one immutable value in one context variable."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import MappingProxyType, TracebackType
from typing import Final

import attrs

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI

_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


def _frozen_copy(metadata: Mapping[str, str]) -> Mapping[str, str]:
    return metadata if metadata is _NO_METADATA else MappingProxyType(dict(metadata))


@attrs.frozen
class Principal:
    """Somebody whose identity was checked. Made by the code that checked it, which ``verified_by`` names.

    Arguments:
        id: the account's id; it names no person by itself.
        verified_by: what checked it, such as ``"oidc:https://login.clinic.example"``.
        roles: names of roles.
        tenant: the tenant to which the account belongs.
    """

    id: str
    verified_by: str
    roles: frozenset[str] = frozenset()
    tenant: str | None = None


@attrs.frozen(slots=False)  # made for every request: without slots in two thirds of the time
class Context:
    """What is known of the work in hand. The subject is classified: `Classified` shows its marker only.

    Arguments:
        subject: whose record it is.
        operation: the public operation, such as ``"storage.upload"``.
        request_id: one request of one client; ``correlation_id`` holds over several.
        trace_id: 32 lower-case hexadecimal digits (W3C Trace Context §3.2.2.3); ``sampled`` is its flag.
        metadata: a few words of the application's own, nothing classified.
        expires_at: the absolute monotonic time, in seconds, at which nobody waits for the result any more.
    """

    principal: Principal | None = None
    purpose: Purpose | None = None
    subject: Classified[str] | None = None
    tenant: str | None = None
    operation: str = ""
    request_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    sampled: bool = False
    metadata: Mapping[str, str] = attrs.field(default=_NO_METADATA, converter=_frozen_copy, hash=False)
    expires_at: float | None = None


EMPTY: Final = Context()
"""What `current` gives where nothing was set."""
context_variable: Final[ContextVar[Context]] = ContextVar("aegis_core.context", default=EMPTY)


def current() -> Context:
    """The context of the work in hand; never None, and empty where none was set."""
    return context_variable.get()


class _Using:
    """A context manager for one block, entered once."""

    __slots__ = ("_before", "_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Token[Context] | None = None
        self._before = EMPTY

    def __enter__(self) -> Context:
        self._before = context_variable.get()
        self._token = context_variable.set(self._context)
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            context_variable.reset(token)
        except ValueError:
            # Left in another context than it was entered in, as asynchronous generators are at times.
            context_variable.set(self._before)


def using(context: Context, /) -> AbstractContextManager[Context]:
    """Set the context for a block, in sync and async code alike.

    Example:
        >>> with using(Context(tenant="eu")):
        ...     current().tenant
        'eu'
    """
    return _Using(context)


def acting(
    principal: Principal | None,
    /,
    *,
    purpose: Purpose,
    subject: str | Classified[str] | None = None,
    tenant: str | None = None,
) -> AbstractContextManager[Context]:
    """Say who acts, for which purpose and on whose record, for a block; the rest of the context stays.

    Arguments:
        principal: who acts; ``current().principal``, who acts already. None is nobody, and refused.
        purpose: why.
        subject: whose record; a text is classified as a medical record number. None: nobody's, also where an outer
            block named somebody.
        tenant: by default the principal's own.

    Raises:
        TypeError: ``purpose`` is no `Purpose`.
        AegisError: ``permission_denied`` where nobody is signed in.
    """
    if principal is None:
        raise AegisError(ErrorCode.PERMISSION_DENIED, "sign in: nobody acts here", operation="acting")
    given: object = purpose
    if not isinstance(given, Purpose):  # for callers without a type checker
        raise TypeError("acting needs a Purpose, such as Purpose.TREATMENT")
    classified = Classified(subject, PHI.MRN) if isinstance(subject, str) else subject
    return _Using(
        attrs.evolve(
            current(),
            principal=principal,
            purpose=purpose,
            subject=classified,
            tenant=principal.tenant if tenant is None else tenant,
        )
    )


def remaining(clock: Clock, /) -> float | None:
    """Seconds until the current context expires, not below 0; None: it does not. For a driver's own time-out."""
    expires_at = current().expires_at
    return None if expires_at is None else max(0.0, expires_at - clock.monotonic())
