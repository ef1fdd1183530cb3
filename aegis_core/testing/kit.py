"""Conformance kits: named async cases that every adapter of a port must pass.

A kit needs no test framework: `run_kit` runs it on either backend and gives a report. Under pytest, `pytest_cases`
makes one test a case. `kill_rate` runs a kit against adapters with planted bugs, and says which ones it let through.

Example:
    A kit, a harness and a run::

        counter_kit: Kit[CounterHarness] = Kit("counter/1")

        @counter_kit.case
        async def test_counts_up(h: CounterHarness) -> None:
            '''It counts up.'''
            counter = await h.make()
            expect(await counter.next() == 1, "the first number is 1")

        @asynccontextmanager
        async def memory() -> AsyncGenerator[CounterHarness]:
            yield CounterHarness(MemoryCounter)

        print(run_kit(counter_kit, memory, backend="trio"))
"""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, cast, overload

import anyio
import attrs

from aegis_core.kernel.adapter import Capabilities
from aegis_core.kernel.errors import AegisError, ErrorCode

Backend: TypeAlias = Literal["asyncio", "trio"]

#: Seconds after which a case counts as hung.
CASE_LIMIT = 60.0


class Harness(Protocol):
    """What a kit is handed for one case: makes adapters, and says what they declare. Each port's kit extends it."""

    @property
    def capabilities(self) -> Capabilities:
        """What the adapter declares; cases that need more are skipped."""
        ...


H = TypeVar("H", bound=Harness)

#: Called once a case: a fresh adapter over fresh storage, and everything let go of at the end.
HarnessFactory: TypeAlias = Callable[[], AbstractAsyncContextManager[H]]
CaseBody: TypeAlias = Callable[[H], Awaitable[None]]


class NotKept(AssertionError):
    """An adapter did not keep a promise of its port."""


class NotChecked(Exception):
    """Raised by a case that can't see here whether its promise is kept; the message says why. It counts as skipped."""


def expect(condition: object, promise: str, /) -> None:
    """Fail the running case unless ``condition`` is true. Works under ``python -O`` too, where ``assert`` does not."""
    if not condition:
        raise NotKept(promise)


@contextlib.contextmanager
def expect_error(*codes: ErrorCode) -> Generator[list[AegisError]]:
    """Fail the running case unless the block raises `AegisError` with one of ``codes``; the list holds it."""
    caught: list[AegisError] = []
    wanted = " or ".join(code.value for code in codes)
    try:
        yield caught
    except AegisError as error:
        if error.code not in codes:
            message = f"the error's code is {wanted}, not {error.code.value}"
            raise NotKept(message) from error
        caught.append(error)
        return
    message = f"an AegisError with {wanted} is raised"
    raise NotKept(message)


@attrs.frozen
class Case(Generic[H]):
    """One promise. ``needs``: a capability without which it is skipped; ``without``: one with which it is; ``shows``:
    one that it is evidence of, without needing it.
    """

    name: str
    promise: str
    body: CaseBody[H] = attrs.field(repr=False)
    needs: str = ""
    without: str = ""
    shows: str = ""

    def skip_reason(self, offered: frozenset[str], /) -> str:
        """Why an adapter that offers these capabilities is not asked; empty: it is."""
        if self.needs and self.needs not in offered:
            return f"not declared: {self.needs}"
        if self.without and self.without in offered:
            return f"declared: {self.without}"
        return ""

    async def check(self, factory: HarnessFactory[H], /, *, limit: float = CASE_LIMIT) -> str:
        """Run the case on the current loop. Returns why it was skipped, or an empty text; raises if it failed.

        Arguments:
            limit: seconds after which the case counts as hung.

        Raises:
            BrokenHarness: the harness itself could not be entered, which says nothing about the adapter.
        """
        if not __debug__:
            message = "kits use assert: run without -O"
            raise BrokenHarness(message)
        manager = factory()
        try:
            harness = await manager.__aenter__()
        except Exception as error:
            message = f"the harness for {self.name} could not be entered: {type(error).__name__}"
            raise BrokenHarness(message) from error
        async with _entered(manager):
            if reason := self.skip_reason(harness.capabilities.offered()):
                return reason
            try:
                with anyio.fail_after(limit):
                    await self.body(harness)
            except NotChecked as unseen:
                return str(unseen)
            except TimeoutError as error:
                message = f"{self.name} hung for {limit:g} s or timed out"
                raise NotKept(message) from error
        return ""


class BrokenHarness(RuntimeError):
    """A harness that could not be entered: a mistake in the harness, never a verdict about an adapter."""


@contextlib.asynccontextmanager
async def _entered(manager: AbstractAsyncContextManager[object]) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException as error:
        if not await manager.__aexit__(type(error), error, error.__traceback__):
            raise
    else:
        await manager.__aexit__(None, None, None)


class Kit(Generic[H]):
    """The cases of one port, in the order in which they were written.

    Arguments:
        name: the port and its version, such as ``"storage/1"``.
        capabilities: the port's own class of capabilities.
    """

    def __init__(self, name: str, /, capabilities: type[Capabilities] = Capabilities) -> None:
        self.name = name
        self.capabilities = capabilities
        self._cases: dict[str, Case[H]] = {}

    @property
    def cases(self) -> Sequence[Case[H]]:
        """Every case."""
        return tuple(self._cases.values())

    @overload
    def case(self, body: CaseBody[H], /) -> CaseBody[H]: ...

    @overload
    def case(
        self, /, *, needs: str = "", without: str = "", shows: str = ""
    ) -> Callable[[CaseBody[H]], CaseBody[H]]: ...

    def case(self, *bodies: CaseBody[H], needs: str = "", without: str = "", shows: str = "") -> object:
        """Add a case: the function's name names it, the first line of its docstring is the promise.

        Used bare (``@kit.case``) or called (``@kit.case(needs="erases")``).

        Arguments:
            needs: run only where the adapter declares this capability.
            without: run only where it does not, to see that `UnsupportedCapability` is raised.
            shows: a capability, of this port or another, that whoever keeps the promise has.
        """

        def add(body: CaseBody[H]) -> CaseBody[H]:
            name = str(getattr(body, "__name__", "")).removeprefix("case_").removeprefix("test_")
            if name in self._cases:
                message = f"the kit {self.name} has a case {name!r} already"
                raise ValueError(message)
            promise = (body.__doc__ or name.replace("_", " ")).strip().partition("\n")[0]
            self._cases[name] = Case(name, promise, body, needs, without, shows)
            return body

        return add(*bodies) if bodies else add


@attrs.frozen
class CaseResult:
    """How one case ended. ``detail``: why it was skipped, or what was raised."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    detail: str = ""


@attrs.frozen
class KitReport:
    """How a kit ended for one adapter on one backend. `str` is a table for people."""

    kit: str
    backend: Backend
    results: Sequence[CaseResult]

    @property
    def passed(self) -> Sequence[str]:
        """Names of the cases that passed."""
        return tuple(result.name for result in self.results if result.outcome == "passed")

    @property
    def failed(self) -> Sequence[str]:
        """Names of the cases that failed."""
        return tuple(result.name for result in self.results if result.outcome == "failed")

    @property
    def skipped(self) -> Sequence[str]:
        """Names of the cases that need a capability which is not declared."""
        return tuple(result.name for result in self.results if result.outcome == "skipped")

    @property
    def ok(self) -> bool:
        """Whether something ran and nothing failed."""
        return bool(self.passed) and not self.failed

    def __str__(self) -> str:
        head = (
            f"{self.kit} on {self.backend}: {len(self.passed)} passed, {len(self.failed)} failed, "
            f"{len(self.skipped)} skipped"
        )
        lines = [f"  {r.outcome:<8} {r.name}" + (f"  ({r.detail})" if r.detail else "") for r in self.results]
        return "\n".join([head, *lines])


def run_kit(
    kit: Kit[H],
    factory: HarnessFactory[H],
    /,
    *,
    backend: Backend = "asyncio",
    fail_fast: bool = False,
    limit: float = CASE_LIMIT,
) -> KitReport:
    """Run every case on a loop of its own, without a test framework. Not to be called where a loop runs already."""
    results: list[CaseResult] = []
    for case in kit.cases:
        try:
            reason = anyio.run(partial(case.check, factory, limit=limit), backend=backend)
        except BrokenHarness:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a case raises is its verdict
            results.append(CaseResult(case.name, "failed", _describe(error)))
            if fail_fast:
                break
        else:
            results.append(CaseResult(case.name, "skipped" if reason else "passed", reason))
    return KitReport(kit.name, backend, tuple(results))


def _describe(error: Exception) -> str:
    inner = cast("tuple[Exception, ...]", getattr(error, "exceptions", ()))  # an exception group's
    if len(inner) == 1:
        return _describe(inner[0])
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@attrs.frozen
class Subject:
    """What a kit is run against, as the capability matrix names it (`aegis_core.testing.matrix`).

    Arguments:
        adapter: its name, such as ``"s3"``.
        server: what it talks to, by its name in `aegis_core.testing.servers`; empty: this machine alone.
        options: in which it differs from the adapter's defaults, such as ``"conditional=create"``.
        emulated: capability → by what: those that the adapter fulfils by more than one call of its medium, so that
            they cost more, or hold only among its own kind. None may be named that is not declared.
    """

    adapter: str
    server: str = ""
    options: str = ""
    emulated: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Check(Generic[H]):
    """One case against one harness, as often as it is called; holds what the last call saw.

    Arguments:
        subject: what the harness makes; None: nothing that the matrix should name, such as a model.
    """

    def __init__(self, kit: Kit[H], case: Case[H], factory: HarnessFactory[H], subject: Subject | None = None) -> None:
        self.kit = kit
        self.case = case
        self.subject = subject
        self.declared: Mapping[str, bool | int | None] = {}
        self._factory = factory

    async def run(self) -> str:
        """Run the case on the current loop. Returns why it was skipped, or an empty text; raises if it failed."""
        self.declared = {}
        return await self.case.check(self._noting)

    async def __call__(self) -> None:
        """The same under pytest, which is told of a skip."""
        import pytest

        if reason := await self.run():
            pytest.skip(reason)

    @contextlib.asynccontextmanager
    async def _noting(self) -> AsyncGenerator[H]:
        async with self._factory() as harness:
            offered = harness.capabilities.offered()
            self.declared = {
                # A harness may name flags of its own, and the port's by name alone.
                field.name: getattr(harness.capabilities, field.name, field.name in offered or field.default)
                for field in attrs.fields(self.kit.capabilities)
            }
            emulated = () if self.subject is None else self.subject.emulated
            if unknown := [name for name in emulated if name not in offered]:
                message = f"{self.kit.name}: emulated, but not declared: {', '.join(unknown)}"
                raise ValueError(message)
            yield harness


def pytest_cases(
    kit: Kit[H], harnesses: Mapping[str, HarnessFactory[H]], /, subjects: Mapping[str, Subject] | None = None
) -> list[Any]:
    """Parameters for ``pytest.mark.parametrize("check", …)``: a `Check` for each case and harness.

    Arguments:
        harnesses: by name.
        subjects: what the capability matrix calls what a harness of that name makes; it leaves out the others.

    Example:
        ::

            @pytest.mark.anyio
            @pytest.mark.parametrize("check", pytest_cases(state_kit, {"memory": memory}))
            async def test_state_adapters_keep_their_promises(check): await check()
    """
    import pytest

    return [
        pytest.param(Check(kit, case, factory, (subjects or {}).get(name)), id=f"{name}-{case.name}")
        for name, factory in harnesses.items()
        for case in kit.cases
    ]


@attrs.frozen
class KillReport:
    """Which planted bugs a kit rejects: bug → names of the cases that failed. `str` is a table for people."""

    kit: str
    killed_by: Mapping[str, Sequence[str]]

    @property
    def survivors(self) -> Sequence[str]:
        """Bugs that the kit let through."""
        return tuple(bug for bug, cases in self.killed_by.items() if not cases)

    @property
    def rate(self) -> float:
        """Part of the bugs that was rejected, 0 to 1."""
        return 1.0 - len(self.survivors) / len(self.killed_by) if self.killed_by else 0.0

    def __str__(self) -> str:
        count = len(self.killed_by)
        head = f"{self.kit}: {count - len(self.survivors)} of {count} planted bugs rejected ({self.rate:.0%})"
        lines = [f"  {bug:<40} {', '.join(cases) or 'SURVIVED'}" for bug, cases in self.killed_by.items()]
        return "\n".join([head, *lines])


def kill_rate(
    kit: Kit[H],
    bugs: Mapping[str, HarnessFactory[H]],
    /,
    *,
    backend: Backend = "asyncio",
    fail_fast: bool = True,
    limit: float = 15.0,
) -> KillReport:
    """Run a kit against adapters with planted bugs.

    Arguments:
        bugs: name of the bug → harness that makes the faulty adapter. A harness that cannot be entered raises
            `BrokenHarness`: it kills nothing.
        fail_fast: stop at the first case that fails; False names every case that sees the bug.
        limit: seconds after which a case counts as hung, which rejects the bug.
    """
    return KillReport(
        kit.name,
        {
            bug: run_kit(kit, factory, backend=backend, fail_fast=fail_fast, limit=limit).failed
            for bug, factory in bugs.items()
        },
    )
