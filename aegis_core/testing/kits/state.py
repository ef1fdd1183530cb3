"""The kit of `StateStore` (``state/1``): each duty that its docstring names, as a case."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

import anyio
import anyio.lowlevel

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.state import LARGEST_BODY, StateCapabilities, StateStore
from aegis_core.testing.kit import Harness, Kit, expect, expect_error


class StateHarness(Harness, Protocol):
    """What the kit needs of an adapter under test. All stores of one harness are over the same documents."""

    @property
    def capabilities(self) -> StateCapabilities: ...

    async def make(self) -> StateStore:
        """Another store over the same documents, opened: as a second process would have it."""
        ...

    async def reopen(self, store: StateStore, /) -> StateStore:
        """Close a store and open a new one over the same documents, as after a restart."""
        ...

    async def raw(self) -> bytes:
        """Every byte of every file that the store keeps, one after another; empty if it keeps none."""
        ...


state_kit: Final[Kit[StateHarness]] = Kit("state/1", StateCapabilities)


@state_kit.case
async def case_opening_and_closing_are_idempotent(h: StateHarness) -> None:
    """`open` and `aclose` are idempotent, and a closed store says that it is down or refuses."""
    store = await h.make()
    await store.open()
    await store.put("a", b"1", expected=None)
    await store.aclose()
    await store.aclose()
    await store.open()
    document = await store.get("a")
    expect(document is not None and document.body == b"1", "a store opened again has its documents")
    expect((await store.health()).state in {"up", "degraded"}, "an open store is up")
    await store.aclose()


@state_kit.case
async def case_what_was_put_is_there(h: StateHarness) -> None:
    """`get` gives the body and the revision that `put` returned; None where nothing is."""
    store = await h.make()
    expect(await store.get("keyring/clinic") is None, "nothing is None")
    revision = await store.put("keyring/clinic", b"\x00body\xff", expected=None)
    document = await store.get("keyring/clinic")
    expect(document is not None, "it is there")
    assert document is not None
    expect((document.name, document.body, document.revision) == ("keyring/clinic", b"\x00body\xff", revision), "as put")
    empty = await store.put("keyring/empty", b"", expected=None)
    document = await store.get("keyring/empty")
    expect(document is not None and document.body == b"" and document.revision == empty, "an empty body is a body")


@state_kit.case
async def case_a_document_survives_a_restart(h: StateHarness) -> None:
    """What `put` returned for is there after a restart, at the same revision."""
    store = await h.make()
    revision = await store.put("log/checkpoint", b"one", expected=None)
    store = await h.reopen(store)
    document = await store.get("log/checkpoint")
    expect(document is not None and (document.body, document.revision) == (b"one", revision), "as before")
    await store.put("log/checkpoint", b"two", expected=revision)


@state_kit.case
async def case_a_put_needs_the_expected_revision(h: StateHarness) -> None:
    """`put` is conditional: another revision, or one where none is expected, is ``conflict`` and changes nothing."""
    store = await h.make()
    with expect_error(ErrorCode.CONFLICT):
        await store.put("a", b"0", expected="1")
    first = await store.put("a", b"1", expected=None)
    with expect_error(ErrorCode.CONFLICT):
        await store.put("a", b"x", expected=None)
    second = await store.put("a", b"2", expected=first)
    for stale in (first, None, "", "no revision", second + "0"):
        with expect_error(ErrorCode.CONFLICT):
            await store.put("a", b"x", expected=stale)
    document = await store.get("a")
    expect(document is not None and (document.body, document.revision) == (b"2", second), "nothing changed")


@state_kit.case
async def case_a_delete_may_need_a_revision(h: StateHarness) -> None:
    """Deleting nothing is no error unless a revision is expected; a stale one is ``conflict``."""
    store = await h.make()
    await store.delete("a")
    with expect_error(ErrorCode.CONFLICT):
        await store.delete("a", expected="1")
    first = await store.put("a", b"1", expected=None)
    second = await store.put("a", b"2", expected=first)
    with expect_error(ErrorCode.CONFLICT):
        await store.delete("a", expected=first)
    expect(await store.get("a") is not None, "a refused delete deletes nothing")
    await store.delete("a", expected=second)
    expect(await store.get("a") is None, "it is gone")
    expect(list(await store.names("")) == [], "it is listed no more")


@state_kit.case
async def case_a_revision_is_never_used_twice(h: StateHarness) -> None:
    """A revision is never reused, not for equal bodies, not after `delete`, not after a restart."""
    store = await h.make()
    seen: list[str] = []
    for round_ in range(4):
        revision = await store.put("a", b"same", expected=None)
        seen.append(revision)
        for _ in range(3):
            revision = await store.put("a", b"same", expected=revision)
            seen.append(revision)
        await store.delete("a")
        if round_ % 2:
            store = await h.reopen(store)
    expect(len(set(seen)) == len(seen), "all revisions differ")
    await store.put("a", b"same", expected=None)
    for old in seen:
        with expect_error(ErrorCode.CONFLICT):
            await store.put("a", b"x", expected=old)


async def _race(count: int, act: Callable[[int], Awaitable[str]]) -> tuple[list[str], int]:
    won: list[str] = []
    conflicts = 0
    start = anyio.Event()

    async def racer(number: int) -> None:
        nonlocal conflicts
        await start.wait()
        try:
            won.append(await act(number))
        except AegisError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            conflicts += 1

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(racer, number)
        await anyio.lowlevel.checkpoint()
        start.set()
    return won, conflicts


@state_kit.case
async def case_one_of_n_racers_wins(h: StateHarness) -> None:
    """Of N racers with one ``expected`` one wins, the others get ``conflict``; across stores, too."""
    stores = [await h.make() for _ in range(3)]
    expected: str | None = None
    for turn in range(6):
        before = expected

        async def act(number: int, before: str | None = before, turn: int = turn) -> str:
            return await stores[number % 3].put("a", b"%d of %d" % (number, turn), expected=before)

        won, conflicts = await _race(9, act)
        expect((len(won), conflicts) == (1, 8), "one of nine wins")
        document = await stores[0].get("a")
        expect(document is not None and document.revision == won[0], "the winner's document is there")
        expected = won[0]


@state_kit.case
async def case_no_update_is_lost(h: StateHarness) -> None:
    """Counting up by read, put and try again from many tasks loses nothing."""
    stores = [await h.make() for _ in range(2)]
    await stores[0].put("count", b"0", expected=None)

    async def count(store: StateStore) -> None:
        for _ in range(4):
            while True:
                document = await store.get("count")
                assert document is not None
                try:
                    await store.put("count", b"%d" % (int(document.body) + 1), expected=document.revision)
                except AegisError as error:
                    if error.code is not ErrorCode.CONFLICT:
                        raise
                else:
                    break

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(count, stores[number % 2])
    document = await stores[1].get("count")
    expect(document is not None and document.body == b"16", "sixteen were counted")


@state_kit.case
async def case_another_store_sees_it_at_once(h: StateHarness) -> None:
    """What `put` or `delete` returned for is seen by every other store of the same documents."""
    one, other = await h.make(), await h.make()
    revision = await one.put("a", b"1", expected=None)
    document = await other.get("a")
    expect(document is not None and document.revision == revision, "the other sees the new document")
    await other.delete("a", expected=revision)
    expect(await one.get("a") is None, "and the first its deletion")


#: Sorted by code point; per-folder or case-blind orders differ.
_NAMES: Final = (
    "A/a", "B", "_/x", "a+b/c", "a-b", "a-b.c/d", "a.b/c", "a.c", "a/0", "a/00", "a/b-c", "a/b.p/17", "a/b/c", "a0",
    "a=", "aA", "ab/-", "ab/0/1/2", "ab/@", "ab0", "tile/0/x001/234", "tile/0/x001/234.p/5", "tile/0/x002", "z",
)  # fmt: skip


async def _all_names(store: StateStore, prefix: str, limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    while page := await store.names(prefix, after=after, limit=limit):
        expect(len(page) <= limit, "a page keeps its limit")
        found.extend(page)
        after = page[-1]
        expect(len(found) <= 10 * len(_NAMES), "a listing ends")
    return found


@state_kit.case
async def case_names_are_sorted_and_complete(h: StateHarness) -> None:
    """Names come sorted by code point, none twice, none skipped, whatever the prefix and the size of a page."""
    store = await h.make()
    for name in reversed(_NAMES):
        await store.put(name, b"x", expected=None)
    expect(tuple(sorted(_NAMES)) == _NAMES, "the kit's own names are sorted")
    for prefix in ("", "a", "a/", "a/b", "a-b", "ab", "tile/0/x001", "tile/", "none", "z", "a/b/c", "a/b/c/"):
        wanted = [name for name in _NAMES if name.startswith(prefix)]
        for limit in (1, 2, 3, 7, 1000):
            expect(await _all_names(store, prefix, limit) == wanted, f"all names under {prefix!r}, {limit} a page")
    for after in ("a", "a/", "a/b", "a0", "a/b.p", "zz", "A"):
        wanted = [name for name in _NAMES if name > after]
        expect(list(await store.names("", after=after)) == wanted, f"names after {after!r}")


@state_kit.case
async def case_a_listing_skips_nothing_that_stays(h: StateHarness) -> None:
    """A name that stays is listed exactly once, while others come and go between pages."""
    store = await h.make()
    staying = [f"s/{number:02d}" for number in range(0, 30, 2)]
    for name in staying:
        await store.put(name, b"x", expected=None)
    found: list[str] = []
    after = ""
    number = 1
    while page := await store.names("s/", after=after, limit=2):
        found.extend(page)
        after = page[-1]
        await store.put(f"s/{number:02d}", b"x", expected=None)
        if number > 2:
            await store.delete(f"s/{number - 2:02d}")
        number += 2
    expect([name for name in found if name in staying] == staying, "every name that stayed, once, in order")
    expect(len(set(found)) == len(found), "none twice")


@state_kit.case
async def case_bad_names_are_refused(h: StateHarness) -> None:
    """A name outside the rule is ``invalid_argument`` everywhere, and nothing outside the store is touched."""
    store = await h.make()
    bad = (
        "", "/", "/a", "a/", "a//b", ".", "..", "../etc/passwd", "a/../b", "a/.b", ".a", "a b", "a\x00", "ä", "a\n",
        "a\\b", "journal", "journal/0", "a:b", "a*", "x" * 513, "a/" + "x" * 201, "a%2e",
    )  # fmt: skip
    for name in bad:
        for call in _calls(store, name):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await call()
    good = ("a..b", "a.", "journals", "a/journal", "-", "x" * 200, "/".join(["x" * 100] * 5), "@=+_")
    for name in good:
        await store.put(name, name.encode(), expected=None)
    for name in good:
        document = await store.get(name)
        expect(document is not None and document.body == name.encode(), "a good name is taken")
    for prefix, limit in (("a b", 10), ("ä", 10), ("a", 0), ("a", -1)):
        with expect_error(ErrorCode.INVALID_ARGUMENT):
            await store.names(prefix, limit=limit)


def _calls(store: StateStore, name: str) -> Iterable[Callable[[], Awaitable[object]]]:
    return (
        lambda: store.get(name),
        lambda: store.put(name, b"x", expected=None),
        lambda: store.delete(name),
    )


@state_kit.case
async def case_bodies_to_sixteen_mebibytes(h: StateHarness) -> None:
    """A body of 16 MiB comes back whole; one byte more is ``invalid_argument``."""
    store = await h.make()
    body = bytes(range(256)) * (LARGEST_BODY // 256)
    await store.put("large", body, expected=None)
    document = await store.get("large")
    expect(document is not None and document.body == body, "16 MiB come back")
    with expect_error(ErrorCode.INVALID_ARGUMENT):
        await store.put("larger", body + b"x", expected=None)
    expect(await store.get("larger") is None, "nothing of it is there")


@state_kit.case
async def case_a_cancelled_put_leaves_the_old_state_or_the_new(h: StateHarness) -> None:
    """A `put` cancelled at once leaves the old document or the new one, and the store works on."""
    store = await h.make()
    revision = await store.put("a", b"old", expected=None)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.put("a", b"new", expected=revision)
    document = await store.get("a")
    expect(document is not None and document.body in {b"old", b"new"}, "old or new")
    assert document is not None
    expect((document.revision == revision) == (document.body == b"old"), "and the revision says which")
    await store.put("a", b"next", expected=document.revision)


@state_kit.case
async def case_a_reader_never_sees_a_torn_document(h: StateHarness) -> None:
    """Reading while others write gives one whole body with its own revision."""
    writer, reader = await h.make(), await h.make()
    revision = await writer.put("a", b"0" * 70_000, expected=None)
    written = {revision: b"0"}
    read: list[tuple[str, bytes]] = []
    done = anyio.Event()

    async def write() -> None:
        nonlocal revision
        for number in range(1, 8):
            revision = await writer.put("a", b"%d" % number * 70_000, expected=revision)
            written[revision] = b"%d" % number
        done.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        while not done.is_set():
            document = await reader.get("a")
            assert document is not None
            expect(len(document.body) == 70_000 and len(set(document.body)) == 1, "a whole body")
            read.append((document.revision, document.body[:1]))
            await anyio.lowlevel.checkpoint()
    expect(all(written[seen] == body for seen, body in read), "a body with its own revision")


@state_kit.case(needs="erases")
async def case_what_was_deleted_is_in_no_file(h: StateHarness) -> None:
    """Once `delete`, or the `put` that replaces, has returned, nothing of the body is in any file of the store."""
    store, _other = await h.make(), await h.make()
    alive: dict[str, tuple[bytes, str]] = {}
    gone: set[bytes] = set()
    chance = 1
    for step in range(1, 241):
        # A fixed walk over sizes around those of pages: stores that move rows about leave copies behind.
        chance = (chance * 1_664_525 + 12_345) % 2**31
        name = f"subjects/{(chance >> 8) % 60:03d}"
        mark = b"<%08d>" % step
        there = alive.pop(name, None)
        if there is not None:
            gone.add(there[0])
        if there is not None and (chance >> 20) % 5 < 2:
            await store.delete(name)
        else:
            body = mark * (2, 10, 30, 80, 95, 150, 200, 300)[(chance >> 14) % 8]
            alive[name] = (mark, await store.put(name, body, expected=there[1] if there is not None else None))
        if step % 40 == 0:
            raw = await h.raw()
            left = [mark for mark in gone if mark in raw]
            expect(not left, f"nothing of {len(gone)} bodies that went is left")
    for name, (mark, revision) in alive.items():
        document = await store.get(name)
        expect(document is not None and document.body.startswith(mark), "what stayed is whole")
        expect(document is not None and document.revision == revision, "at its revision")


@state_kit.case(needs="erases")
async def case_a_delete_of_nothing_erases_what_a_cut_delete_left(h: StateHarness) -> None:
    """After a restart nothing deleted is in any file, either."""
    store = await h.make()
    await store.put("subjects/a", b"<erase-me>" * 50, expected=None)
    await store.delete("subjects/a")
    store = await h.reopen(store)
    await store.delete("subjects/a")
    expect(b"<erase-me>" not in await h.raw(), "nothing is left")
