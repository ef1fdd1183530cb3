"""Storage adapters: keys, listings, and the model of a dictionary."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

from aegis_core.kernel.errors import ErrorCode
from aegis_core.storage.model import ByteRange, Key, Match, Page, Replace
from aegis_core.storage.port import StorageAdapter, StorageCapabilities
from aegis_core.testing.kit import expect, expect_error
from aegis_core.testing.kits.storage_harness import (
    AWKWARD_KEYS,
    WRONG_KEYS,
    StorageHarness,
    creation,
    find,
    fitting,
    get,
    list_all,
    nothing_left,
    opened,
    put,
    storage_kit,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@storage_kit.case
async def keeps_every_key_apart(h: StorageHarness) -> None:
    """Each key is an object of its own: long segments, keys below keys, upper and lower case."""
    keys = fitting(h, AWKWARD_KEYS)
    async with opened(h) as adapter, opened(h) as other:
        for number, key in enumerate(keys):
            await put(adapter, key, b"%d" % number, replace=True)
        for number, key in enumerate(keys):
            expect(await get(other, key) == b"%d" % number, "each key has its own object")
        listed = [info.key for info in await list_all(other, limit=3)]
        expect(listed == sorted(keys), "every key is listed, as it was given, in order")
        for key in keys[::2]:
            await adapter.delete(key)
        for number, key in enumerate(keys):
            expect(await find(other, key) == (b"%d" % number if number % 2 else None), "a deletion is of one key only")


@storage_kit.case(needs="longest_key")
async def refuses_a_key_that_is_too_long(h: StorageHarness) -> None:
    """A key of more than `longest_key` bytes is invalid_argument; one of that length is stored."""
    longest = h.capabilities.longest_key or 0
    async with opened(h) as adapter:
        await put(adapter, Key("_/" + "x" * (longest - 2)), b"x", replace=creation(h))
        for attempt in (adapter.stat, adapter.delete):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await attempt(Key("_/" + "x" * (longest - 1)))


@storage_kit.case
async def refuses_what_is_no_key(h: StorageHarness) -> None:
    """What is no canonical key is invalid_argument, before anything is touched."""
    async with opened(h) as adapter:
        for wrong in map(Key, WRONG_KEYS):
            for replace in (creation(h), True):
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await put(adapter, wrong, b"x", replace=replace)
            for attempt in (adapter.stat, adapter.delete):
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await attempt(wrong)
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await get(adapter, wrong)
        for prefix in ("/", "_//", "../", "_/../", "_/%", "_/ä"):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await adapter.list(prefix)
        with expect_error(ErrorCode.INVALID_ARGUMENT):
            await adapter.list("", limit=0)
        expect(not await list_all(adapter), "a refused key leaves nothing")
        await nothing_left(h)


@storage_kit.case
async def lists_in_order_and_by_prefix(h: StorageHarness) -> None:
    """A listing is sorted by code point, at every page size, from every prefix, and tells what `stat` tells."""
    texts = ("a", "a-", "a-b", "a.b", "a/", "a/b", "a/b/c", "a0", "aa", "b", "b/a", "b/a.", "b/a/x", "b~", "A/z", "~")
    keys = sorted(Key(f"_/{text.rstrip('/') or 'r'}") for text in {*texts, "Z", "%E0", "a/b-c", "a/b/c-d"})
    keys = sorted(set(keys))
    async with opened(h) as adapter:
        for key in reversed(keys):
            await put(adapter, key, key.encode(), replace=True)
        for prefix in ("", "_", "_/", "_/a", "_/a/", "_/a/b", "_/b/a", "_/none", "_/a/b/c", "other/"):
            expected = [key for key in keys if key.startswith(prefix)]
            for limit in (1, 2, 3, len(keys), 1000):
                listed = await list_all(adapter, prefix, limit=limit)
                expect([i.key for i in listed] == expected, "a listing is sorted, complete, and of the prefix only")
        for after in (*keys, Key("_/a/a"), Key("_/a/b/"), Key("zzz")):
            page = await adapter.list("", after=after)
            expect([i.key for i in page.objects] == [k for k in keys if k > after], "`after` begins behind that key")
            expect(page.next is None, "the last page has no next")
        exact = await adapter.list("", limit=len(keys))
        rest = () if exact.next is None else (await adapter.list("", after=exact.next)).objects
        expect(not rest, "nothing comes after the last object")
        for info in await list_all(adapter):
            expect(info == await adapter.stat(info.key), "a listing tells what `stat` tells")


@storage_kit.case
async def lists_what_stayed_once(h: StorageHarness) -> None:
    """While others write and delete, a listing shows what stayed exactly once, and in order."""
    async with opened(h) as adapter:
        stay = [Key(f"_/stay/{n:02}/x") for n in range(12)]
        for key in stay:
            await put(adapter, key, b"x", replace=True)
        for turn in range(4):
            seen: list[Key] = []
            after: Key | None = None
            number = 0
            while True:
                page = await adapter.list("_/stay/", after=after, limit=2 + turn)
                seen += [info.key for info in page.objects]
                if page.next is None:
                    break
                expect(after is None or page.next > after, "`next` moves on")
                after = page.next
                number += 1
                expect(number < 60, "a listing comes to its end")
                # Before, at and behind the place where the listing stands.
                moving = ("_/stay/00/a", f"_/stay/{number:02}/zz", f"_/stay/{number + 4:02}/a", "_/stay/99/z")
                for text in moving if number <= 10 else ():  # or the listing would never catch up
                    key = Key(text)
                    if await find(adapter, key) is None:
                        await put(adapter, key, b"y", replace=True)
                    else:
                        await adapter.delete(key)
            expect([key for key in seen if key in stay] == stay, "what stayed is listed once and in order")
            expect(all(a < b for a, b in pairwise(seen)), "a listing is sorted, and nothing comes twice")


@storage_kit.case
async def behaves_like_a_mapping(h: StorageHarness) -> None:
    """Any sequence of calls does what a dictionary with etags would do (property-based, shrinks)."""
    from hypothesis import HealthCheck, Phase, given, settings

    async with opened(h) as adapter, opened(h) as other:
        runs = 0

        async def run(program: list[_Call]) -> None:
            nonlocal runs
            runs += 1
            await _Model(adapter, other, f"run{runs}/", h.capabilities).play(program)

        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
            phases=(Phase.generate, Phase.shrink),
        )
        @given(_programs())
        def explore(program: list[_Call]) -> None:
            anyio.from_thread.run(run, program)

        await anyio.to_thread.run_sync(explore)


@attrs.frozen
class _Call:
    kind: Literal["put", "delete", "read", "list"]
    key: str
    condition: Literal["create", "any", "current", "stale"]
    size: int
    start: int
    limit: int


def _programs() -> "SearchStrategy[list[_Call]]":
    from hypothesis import strategies as st

    keys = st.sampled_from(("a", "a/b", "a/b/c", "a-b", "a.b", "b", "b/a", "s" * 200, "s" * 200 + "/t", "s" * 201))
    return st.lists(
        st.builds(
            _Call,
            kind=st.sampled_from(("put", "put", "put", "delete", "read", "list")),
            key=keys,
            condition=st.sampled_from(("create", "any", "current", "stale")),
            size=st.integers(0, 40),
            start=st.integers(0, 45),
            limit=st.integers(1, 5),
        ),
        min_size=1,
        max_size=14,
    )


class _Model:
    """A dictionary beside two adapters of one store."""

    def __init__(self, one: StorageAdapter, two: StorageAdapter, prefix: str, offered: StorageCapabilities) -> None:
        self.adapters = (one, two)
        self.prefix = prefix
        self.offered = offered
        self.objects: dict[Key, tuple[bytes, str]] = {}
        self.stale: dict[Key, str] = {}

    async def play(self, program: Sequence[_Call]) -> None:
        for number, call in enumerate(program):
            adapter = self.adapters[number % 2]
            key = Key(self.prefix + call.key)
            await getattr(self, call.kind)(adapter, key, call, number)
        listed = await list_all(self.adapters[0], self.prefix, limit=3)
        expect([(i.key, i.etag) for i in listed] == sorted((k, v[1]) for k, v in self.objects.items()), "same objects")

    def _condition(self, key: Key, call: _Call) -> Replace | None:
        if call.condition == "any" or (call.condition == "create" and not self.offered.create):
            return True
        if call.condition == "create":
            return False
        if not self.offered.match:
            return None
        etag = self.objects[key][1] if key in self.objects else ""
        return Match(etag if call.condition == "current" else self.stale.get(key, "stale"))

    async def put(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        replace = self._condition(key, call)
        if replace is None:
            return
        body = bytes([number]) * call.size
        there = self.objects.get(key)
        refused: ErrorCode | None = None
        if replace is False and there is not None:
            refused = ErrorCode.ALREADY_EXISTS
        elif isinstance(replace, Match) and (there is None or there[1] != replace.etag):
            refused = ErrorCode.PRECONDITION_FAILED
        if refused is not None:
            with expect_error(refused):
                await put(adapter, key, body, replace=replace, piece=7)
            return
        info = await put(adapter, key, body, replace=replace, piece=7)
        if there is not None:
            self.stale[key] = there[1]
        self.objects[key] = (body, info.etag)

    async def delete(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        condition = self._condition(key, call)
        only = condition if isinstance(condition, Match) else None
        there = self.objects.get(key)
        if only is not None and (there is None or there[1] != only.etag):
            with expect_error(ErrorCode.PRECONDITION_FAILED):
                await adapter.delete(key, only=only)
            return
        await adapter.delete(key, only=only)
        if there is not None:
            self.stale[key] = there[1]
            del self.objects[key]

    async def read(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        there = self.objects.get(key)
        if there is None:
            with expect_error(ErrorCode.NOT_FOUND):
                await get(adapter, key)
        elif call.start > len(there[0]):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await get(adapter, key, range=ByteRange(call.start))
        else:
            stop = call.start + call.size
            got = await get(adapter, key, range=ByteRange(call.start, stop))
            expect(got == there[0][call.start : stop], "a range is what the dictionary's slice is")

    async def list(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        page: Page = await adapter.list(key, limit=call.limit)
        expected = sorted(k for k in self.objects if k.startswith(key))
        expect([i.key for i in page.objects] == expected[: call.limit], "a page is what the dictionary holds")
