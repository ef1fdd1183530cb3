"""Planned trouble: the third commit fails, the fourth reply is lost, the fifth call never ends."""

import errno
import inspect
from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import anyio
import anyio.lowlevel
import attrs

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.errors import AegisError, ErrorCode

A = TypeVar("A")

Kind: TypeAlias = Literal[
    "not_found", "already_exists", "precondition_failed", "permission_denied", "invalid_argument", "unsupported",
    "unavailable", "deadline_exceeded", "resource_exhausted", "integrity", "conflict", "internal",
    "disk_full", "io_error", "no_permission", "delay", "hang", "cancel",
]  # fmt: skip

_OS_ERRORS: Final = {"disk_full": errno.ENOSPC, "io_error": errno.EIO, "no_permission": errno.EACCES}


@attrs.frozen
class Fault:
    """One planned fault."""

    operation: str
    nth: Container[int] | None
    kind: Kind
    after: bool
    seconds: float
    scope: anyio.CancelScope | None
    error: BaseException | None


class Faults:
    """A plan of faults, and the count of calls by operation.

    Arguments:
        clock: what ``delay`` sleeps on.

    Example:
        ::

            faults = Faults()
            faults.add("storage.write.commit", nth=2, kind="disk_full")
            storage = Storage(faults.wrap(MemoryStorage(), "storage"), keyring)
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._plan: list[Fault] = []
        self._calls: Counter[str] = Counter()

    @property
    def calls(self) -> Mapping[str, int]:
        """Operation → how often it was called."""
        return dict(self._calls)

    def add(
        self,
        operation: str,
        /,
        *,
        kind: Kind = "unavailable",
        nth: int | Container[int] | None = None,
        after: bool = False,
        seconds: float = 0.0,
        scope: anyio.CancelScope | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Plan a fault.

        Arguments:
            operation: such as ``"storage.stat"``; a method of a handle is named after what made it:
                ``"storage.write.commit"``.
            kind: the code of an `AegisError`; ``disk_full``, ``io_error``, ``no_permission`` of an `OSError`;
                ``delay`` for ``seconds``; ``hang`` until cancelled; ``cancel`` the given ``scope``.
            nth: which calls, counted from 1: a number, a range, a set; None: every call.
            after: do the work first: a lost reply.
            error: raise this very exception instead.
        """
        if kind == "cancel" and scope is None:
            raise ValueError("cancel needs the scope that it cancels")
        which = (nth,) if isinstance(nth, int) else nth
        self._plan.append(Fault(operation, which, kind, after, seconds, scope, error))

    def clear(self) -> None:
        """Forget the plan; the counts stay."""
        self._plan.clear()

    def wrap(self, adapter: A, operation: str, /) -> A:
        """Stand between a service and its adapter. Every method is an operation, ``operation`` and a dot before it."""
        return cast(A, _Between(self, adapter, operation))

    async def pass_through(self, operation: str, /, *, after: bool = False, count: int | None = None) -> int:
        """Where faults strike in async code; returns the number of this call. For fakes of one's own."""
        number = self._next(operation) if count is None else count
        for fault in self._due(operation, number, after=after):
            if fault.kind == "delay" and fault.error is None:
                await self._clock.sleep(fault.seconds)
            elif fault.kind == "hang" and fault.error is None:
                await anyio.sleep_forever()
            elif fault.scope is not None:
                fault.scope.cancel()
                await anyio.lowlevel.checkpoint()
            else:
                raise _error(fault)
        return number

    def pass_through_sync(self, operation: str, /, *, after: bool = False, count: int | None = None) -> int:
        """The same in sync code, where nothing hangs and nothing is cancelled."""
        number = self._next(operation) if count is None else count
        for fault in self._due(operation, number, after=after):
            if fault.kind == "delay" and fault.error is None:
                self._clock.sleep_sync(fault.seconds)
            else:
                raise _error(fault)
        return number

    def _next(self, operation: str) -> int:
        self._calls[operation] += 1
        return self._calls[operation]

    def _due(self, operation: str, number: int, *, after: bool) -> list[Fault]:
        return [
            fault
            for fault in self._plan
            if fault.operation == operation and fault.after is after and (fault.nth is None or number in fault.nth)
        ]


def _error(fault: Fault) -> BaseException:
    if fault.error is not None:
        return fault.error
    if fault.kind in _OS_ERRORS:
        number = _OS_ERRORS[fault.kind]
        return OSError(number, f"planned: {fault.kind}")
    return AegisError(ErrorCode(fault.kind), "a planned fault", operation=fault.operation)


class _Between:
    def __init__(self, faults: Faults, target: object, operation: str) -> None:
        self._faults = faults
        self._target = target
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name.startswith("_") or not inspect.isroutine(found):
            return found
        wrapped = _around(self._faults, found, f"{self._operation}.{name}")
        self.__dict__[name] = wrapped
        return wrapped

    def __repr__(self) -> str:
        return f"<faults around {self._target!r}>"


def _around(faults: Faults, call: Callable[..., Any], operation: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(call):

        async def struck(*args: object, **options: object) -> object:
            number = await faults.pass_through(operation)
            result = await call(*args, **options)
            await faults.pass_through(operation, after=True, count=number)
            return result

        return struck

    def struck_sync(*args: object, **options: object) -> object:
        number = faults.pass_through_sync(operation)
        result = call(*args, **options)
        faults.pass_through_sync(operation, after=True, count=number)
        # A handle (a reader, a writer) is where the work is: its methods are operations, too.
        return faults.wrap(result, operation) if hasattr(result, "aclose") else result

    return struck_sync
