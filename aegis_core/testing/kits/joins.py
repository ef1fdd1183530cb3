"""The kit of `JoinsTransactions`: both or neither, on the caller's own thread and connection.

A harness begins transactions as an application would, with its own connection, and writes rows of the application's own
beside what the sink joins to them.
"""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

import anyio
import anyio.to_thread

from aegis_core.audit.port import PORT, AuditSink, Entry, JoinsTransactions
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.testing.kit import Harness, Kit, expect, expect_error
from aegis_core.testing.kits.audit import AuditHarnessCapabilities, make_entries


class JoiningSink(AuditSink, JoinsTransactions, Protocol):
    """A primary that joins transactions."""


class Transaction(Protocol):
    """One transaction of the application, on a connection of its own. Used on the thread that began it."""

    @property
    def handle(self) -> object:
        """What the application hands over as ``within``."""
        ...

    @property
    def threads(self) -> set[int]:
        """Identities of the threads on which the connection was used since it began."""
        ...

    def write(self, text: str, /) -> None:
        """Write a row of the application's own."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class JoinsHarness(Harness, Protocol):
    """One database, in which the application and the trail both write."""

    @property
    def capabilities(self) -> AuditHarnessCapabilities: ...

    async def sink(self) -> JoiningSink:
        """Open one more adapter, as another process would."""
        ...

    def begin(self) -> Transaction:
        """Begin a transaction on a new connection. Called on any thread."""
        ...

    def written(self) -> Sequence[str]:
        """The application's rows that are committed, sorted."""
        ...


joins_kit: Kit[JoinsHarness] = Kit(f"{PORT} joins")

_PAGE: Final = 100


async def _joined(sink: JoiningSink) -> list[Entry]:
    return list(await sink.joined(_PAGE))


async def _take_over(sink: JoiningSink) -> list[Entry]:
    """What the trail does: give an index to whatever was committed, until nothing is left."""
    for _ in range(20):
        entries = await _joined(sink)
        if not entries:
            size = await sink.size()
            return list(await sink.read(0, size))
        try:
            await sink.append(entries, expected_size=await sink.size())
        except AegisError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
    expect(False, "what append took over is joined no more")
    return []


@joins_kit.case(shows="joins_transactions")
async def case_committed_entries_are_joined(h: JoinsHarness) -> None:
    """Once the transaction commits, its entries are given, in the order in which they were written."""
    sink = await h.sink()
    entries = make_entries(7)
    transaction = h.begin()
    transaction.write("visit")
    sink.join_sync(entries[:4], transaction.handle)
    sink.join_sync(entries[4:], transaction.handle)
    transaction.commit()
    expect(await _joined(sink) == entries, "what was committed is given, in order")
    expect(await sink.size() == 0, "it has no index yet")
    expect(await sink.find(entries[0].id) is None, "it is not found yet")
    expect(list(h.written()) == ["visit"], "the application's row is there, too")


@joins_kit.case(shows="joins_transactions")
async def case_the_async_twin_does_the_same(h: JoinsHarness) -> None:
    """`join` writes as `join_sync` does: in the transaction, gone with it, there with it."""
    sink = await h.sink()
    entries = make_entries(3)
    kept, dropped = h.begin(), h.begin()
    await sink.join(entries[:2], kept.handle)
    await sink.join(entries[2:], dropped.handle)
    expect(await _joined(sink) == [], "nothing is given before the commit")
    dropped.rollback()
    kept.commit()
    expect(await _joined(sink) == entries[:2], "what was committed is given, and nothing else")


@joins_kit.case(shows="joins_transactions")
async def case_nothing_counts_before_the_commit(h: JoinsHarness) -> None:
    """Before the commit no other sees the entries."""
    sink, other = await h.sink(), await h.sink()
    transaction = h.begin()
    sink.join_sync(make_entries(2), transaction.handle)
    for each in (sink, other):
        expect(await _joined(each) == [], "an open transaction is nobody else's business")
        expect(await each.size() == 0, "and has no index")
    transaction.rollback()


@joins_kit.case(shows="joins_transactions")
async def case_rolled_back_is_not_recorded(h: JoinsHarness) -> None:
    """After a rollback nothing of it is ever given, and the ids are free."""
    sink = await h.sink()
    entries = make_entries(3)
    transaction = h.begin()
    transaction.write("visit")
    sink.join_sync(entries, transaction.handle)
    transaction.rollback()
    expect(await _take_over(sink) == [], "nothing of it is recorded")
    expect(await sink.find(entries[0].id) is None, "no id of it is found")
    expect(list(h.written()) == [], "the application's row is gone, too")
    again = h.begin()
    sink.join_sync([Entry(entries[0].id, b"another")], again.handle)
    again.commit()
    expect(await _joined(sink) == [Entry(entries[0].id, b"another")], "the id is free again")


@joins_kit.case(shows="joins_transactions")
async def case_each_transaction_has_its_own(h: JoinsHarness) -> None:
    """Of transactions that are open at once, each carries its own entries: one commits, one rolls back."""
    sink = await h.sink()
    entries = make_entries(6)
    first, second, third = h.begin(), h.begin(), h.begin()
    for number, transaction in enumerate((first, second, third)):
        transaction.write(str(number))
        sink.join_sync(entries[2 * number : 2 * number + 2], transaction.handle)
    second.rollback()
    third.commit()
    expect(await _joined(sink) == entries[4:], "only what committed is given")
    first.commit()
    expect({entry.id for entry in await _joined(sink)} == {e.id for e in entries[:2] + entries[4:]}, "and the other")
    expect(list(h.written()) == ["0", "2"], "beside the rows of the same transactions")


@joins_kit.case(shows="joins_transactions")
async def case_threads_keep_apart(h: JoinsHarness) -> None:
    """`join_sync` runs on the caller's own thread and connection, whatever other threads do at the same time."""
    sink = await h.sink()
    entries = make_entries(8)
    meeting = threading.Barrier(8)
    wrong: list[int] = []

    def work(number: int) -> None:
        transaction = h.begin()
        transaction.write(str(number))
        meeting.wait(20)
        sink.join_sync([entries[number]], transaction.handle)
        meeting.wait(20)
        if transaction.threads != {threading.get_ident()}:
            wrong.append(number)
        if number % 2:
            transaction.commit()
        else:
            transaction.rollback()

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(anyio.to_thread.run_sync, partial(work, number))
    expect(not wrong, "a connection is used on its own thread only")
    found = {entry.id for entry in await _joined(sink)}
    expect(found == {entry.id for entry in entries[1::2]}, "each thread's entries went with its own transaction")
    expect(list(h.written()) == ["1", "3", "5", "7"], "beside its own rows")


@joins_kit.case(shows="joins_transactions")
async def case_append_takes_over(h: JoinsHarness) -> None:
    """`append` gives an index to what was joined; after that it is joined no more, and found."""
    sink, other = await h.sink(), await h.sink()
    entries = make_entries(5)
    transaction = h.begin()
    sink.join_sync(entries, transaction.handle)
    transaction.commit()
    (before,) = make_entries(1)
    await sink.append([before], expected_size=0)
    given = await _joined(other)
    expect(list(await other.append(given, expected_size=1)) == [1, 2, 3, 4, 5], "each gets its index")
    expect(await _joined(sink) == [], "it is joined no more")
    expect(await sink.find(entries[2].id) == 3, "it is found")
    expect(list(await sink.append(given, expected_size=1)) == [1, 2, 3, 4, 5], "a second host gets the same indexes")
    expect(await _joined(sink) == [], "and it stays taken")
    expect(list(await sink.read(0, 10)) == [before, *entries], "each is stored once")


@joins_kit.case(shows="joins_transactions")
async def case_a_refused_append_takes_nothing_over(h: JoinsHarness) -> None:
    """An `append` that conflicts leaves what was joined where it was."""
    sink = await h.sink()
    entries = make_entries(2)
    transaction = h.begin()
    sink.join_sync(entries, transaction.handle)
    transaction.commit()
    with expect_error(ErrorCode.CONFLICT):
        await sink.append(entries, expected_size=3)
    expect(await _joined(sink) == entries, "nothing is lost")


@joins_kit.case(shows="joins_transactions")
async def case_hosts_take_over_once(h: JoinsHarness) -> None:
    """Several hosts that take over at once, while transactions go on, store each entry once and lose none."""
    sinks = [await h.sink() for _ in range(3)]
    entries = make_entries(30)
    for start in range(0, 30, 3):
        transaction = h.begin()
        sinks[0].join_sync(entries[start : start + 3], transaction.handle)
        transaction.commit()

    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(_take_over, sink)
    stored = await _take_over(sinks[0])
    expect(sorted(entry.id for entry in stored) == sorted(entry.id for entry in entries), "each once, and all")


@joins_kit.case(shows="joins_transactions")
async def case_pages_come_in_a_stable_order(h: JoinsHarness) -> None:
    """`joined` gives at most ``limit``, the oldest first, and the same when asked again."""
    sink = await h.sink()
    entries = make_entries(12)
    for start in range(0, 12, 4):
        transaction = h.begin()
        # Backwards: the order of writing counts, not that of ids.
        sink.join_sync(entries[start : start + 4][::-1], transaction.handle)
        transaction.commit()
    wanted = [entry for start in range(0, 12, 4) for entry in entries[start : start + 4][::-1]]
    for limit in (1, 5, 12, 50):
        for _ in range(2):
            expect(list(await sink.joined(limit)) == wanted[:limit], f"the first {limit}")


@joins_kit.case(shows="joins_transactions")
async def case_an_entry_joins_once(h: JoinsHarness) -> None:
    """The same entry joined twice is there once; another body under its id is ``conflict``."""
    sink = await h.sink()
    (entry,) = make_entries(1)
    transaction = h.begin()
    sink.join_sync([entry], transaction.handle)
    sink.join_sync([entry], transaction.handle)
    with expect_error(ErrorCode.CONFLICT):
        sink.join_sync([Entry(entry.id, b"other")], transaction.handle)
    transaction.commit()
    expect(await _joined(sink) == [entry], "it is there once")


@joins_kit.case(shows="joins_transactions")
async def case_what_can_never_be_stored_holds_nobody_up(h: JoinsHarness) -> None:
    """An entry whose id another stored one has is given no more; those behind it are."""
    sink = await h.sink()
    taken, good = make_entries(2)
    await sink.append([Entry(taken.id, b"first")], expected_size=0)
    transaction = h.begin()
    try:
        sink.join_sync([taken], transaction.handle)
    except AegisError as error:
        expect(error.code is ErrorCode.CONFLICT, "an adapter may refuse it at once, as a conflict")
    sink.join_sync([good], transaction.handle)
    transaction.commit()
    expect(await _joined(sink) == [good], "what is behind it is given")
    expect(await _take_over(sink) == [Entry(taken.id, b"first"), good], "what was stored stays")


@joins_kit.case(shows="joins_transactions")
async def case_what_is_no_transaction_is_refused(h: JoinsHarness) -> None:
    """What the sink does not know is ``invalid_argument``, and the message names what it takes."""
    sink = await h.sink()
    entries = make_entries(1)
    for wrong in (object(), "transaction", None, 7, sink):
        for is_sync in (True, False):
            with expect_error(ErrorCode.INVALID_ARGUMENT) as caught:
                if is_sync:
                    sink.join_sync(entries, wrong)
                else:
                    await sink.join(entries, wrong)
            expect("takes" in caught[0].message, "the message says what it takes")
    expect(await _joined(sink) == [], "nothing is joined")
    expect(await sink.size() == 0, "nothing is stored")


@joins_kit.case(shows="joins_transactions")
async def case_an_empty_batch_joins_nothing(h: JoinsHarness) -> None:
    """A batch of nothing writes nothing, and the transaction goes on."""
    sink = await h.sink()
    transaction = h.begin()
    sink.join_sync([], transaction.handle)
    await sink.join([], transaction.handle)
    transaction.write("visit")
    transaction.commit()
    expect(await _joined(sink) == [], "nothing is joined")
    expect(list(h.written()) == ["visit"], "the transaction commits")
