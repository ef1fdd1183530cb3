"""A service's adapters: opened in order, closed in reverse, and no failure hides another or leaves one open."""

import anyio
import attrs
import pytest

from aegis_core.kernel.adapter import EVERY_BACKEND
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import UP
from aegis_core.kernel.opened import OpenedAdapters

pytestmark = pytest.mark.anyio


@attrs.define(eq=False)
class _Adapter:
    name: str
    log: list[str]
    opening: Exception | None = None
    closing: Exception | None = None
    backends: frozenset[str] = EVERY_BACKEND

    async def open(self):
        await anyio.lowlevel.checkpoint()
        self.log.append(f"open {self.name}")
        if self.opening is not None:
            raise self.opening

    async def aclose(self):
        await anyio.lowlevel.checkpoint()
        self.log.append(f"close {self.name}")
        if self.closing is not None:
            raise self.closing

    async def health(self):
        return UP

    def classify(self, exc, /):
        return ErrorCode.UNAVAILABLE if isinstance(exc, OSError) else None

    def native(self, type_, /):
        return None


async def test_each_is_opened_once_in_order_and_closed_in_reverse():
    log = []
    one, two = _Adapter("one", log), _Adapter("two", log)
    adapters = OpenedAdapters("lab")
    await adapters.open([one, two, one])
    await adapters.aclose()
    await adapters.aclose()
    assert log == ["open one", "open two", "close two", "close one"]


async def test_one_for_another_backend_is_refused_before_any_is_opened():
    log = []
    adapters = OpenedAdapters("lab")
    with pytest.raises(AegisError) as refused:
        await adapters.open([_Adapter("one", log), _Adapter("two", log, backends=frozenset({"curio"}))])
    assert (refused.value.code, refused.value.operation, refused.value.adapter) == (
        ErrorCode.UNSUPPORTED,
        "lab.open",
        "two",
    )
    assert log == []


async def test_what_made_opening_fail_is_told_and_not_what_closing_made_of_it():
    log = []
    adapters = OpenedAdapters("lab")
    one = _Adapter("one", log, closing=OSError("later"))
    with pytest.raises(AegisError) as failed:
        await adapters.open([one, _Adapter("two", log, opening=OSError("first")), _Adapter("three", log)])
    assert (failed.value.code, failed.value.operation, failed.value.adapter) == (
        ErrorCode.UNAVAILABLE,
        "lab.open",
        "two",
    )
    assert log == ["open one", "open two", "close two", "close one"]


async def test_closing_closes_all_and_tells_the_first_failure():
    log = []
    adapters = OpenedAdapters("lab")
    one, two, three = (_Adapter(name, log, closing=OSError(name)) for name in ("one", "two", "three"))
    one.closing = None
    await adapters.open([one, two, three])
    with pytest.raises(AegisError) as failed:
        await adapters.aclose()
    assert (failed.value.adapter, failed.value.operation) == ("three", "lab.aclose")
    assert log[3:] == ["close three", "close two", "close one"]


async def test_a_cancelled_caller_leaves_none_open():
    log = []
    adapters = OpenedAdapters("lab")
    with anyio.CancelScope() as scope:
        await adapters.open([_Adapter("one", log), _Adapter("two", log)])
        scope.cancel()
        await adapters.aclose()
    assert log[2:] == ["close two", "close one"]
