"""The kit of `AuditSink` (``audit/1``): every duty of the port as a case.

A harness opens adapters over one storage, and declares what it can do to that storage: start again, crash, tear the
tail off, change a byte. Cases that need more than a harness can do are skipped.
"""

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

import anyio
import attrs

from aegis_core.audit.port import LARGEST_ENTRY, PORT, AuditCapabilities, AuditSink, Entry
from aegis_core.kernel.clock import SystemClock
from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.ids import uuid7
from aegis_core.testing.kit import Kit, expect, expect_error


@attrs.frozen
class AuditHarnessCapabilities(AuditCapabilities):
    """What the adapter declares, and what the harness can do besides.

    `restarts`: entries outlive the adapter. `crashes`: the storage can lose what was not flushed. `tears`: half a batch
    can be left at the end. `damages`: a stored byte can be changed.
    """

    restarts: bool = False
    crashes: bool = False
    tears: bool = False
    damages: bool = False


class AuditHarness(Protocol):
    """One storage. All adapters that `sink` gives are opened on it, and closed by the harness."""

    @property
    def capabilities(self) -> AuditHarnessCapabilities: ...

    async def sink(self) -> AuditSink:
        """Open one more adapter, as another process of this host would."""
        ...

    async def crash(self) -> None:
        """Lose every byte that was not flushed; adapters opened before are not used again."""
        ...

    async def tear(self) -> None:
        """Leave half of a batch at the end, as a process that was killed does."""
        ...

    async def damage(self, body: bytes, /) -> None:
        """Change one byte of the stored entry that holds ``body``."""
        ...


audit_kit: Kit[AuditHarness] = Kit(PORT, AuditCapabilities)

_CHANCE: Final = SeededEntropy(7)
_CLOCK: Final = SystemClock()


def make_entries(count: int, /, *, size: int = 40) -> list[Entry]:
    """Entries with fresh ids and distinct bodies of ``size`` bytes and more."""
    made: list[Entry] = []
    for _ in range(count):
        event_id = uuid7(clock=_CLOCK, entropy=_CHANCE)
        made.append(Entry(event_id, f'{{"id":"{event_id}"}}'.encode().ljust(size, b" ")))
    return made


async def _all(sink: AuditSink) -> list[Entry]:
    stored: list[Entry] = []
    while page := await sink.read(len(stored), len(stored) + 1000):
        stored += page
    return stored


async def _holds(sink: AuditSink, entries: Sequence[Entry], promise: str) -> None:
    expect(await sink.size() == len(entries), f"{promise}: size")
    expect(await _all(sink) == list(entries), promise)


@audit_kit.case
async def case_order_is_kept(h: AuditHarness) -> None:
    """Entries are kept in order, within a batch and from batch to batch, and each index is returned."""
    sink = await h.sink()
    entries = make_entries(25)
    expect(list(await sink.append(entries[:5], expected_size=0)) == [0, 1, 2, 3, 4], "the first batch gets 0 to 4")
    expect(list(await sink.append(entries[5:], expected_size=5)) == list(range(5, 25)), "the second gets 5 to 24")
    await _holds(sink, entries, "entries are read in the order in which they were given")


@audit_kit.case
async def case_ids_need_not_sort(h: AuditHarness) -> None:
    """Order is that of the batch, whatever the ids are."""
    sink = await h.sink()
    entries = [Entry(UUID(int=number, version=4), b"%d" % number) for number in (9, 3, 7, 1, 8)]
    await sink.append(entries, expected_size=0)
    await _holds(sink, entries, "ids do not decide about order")


@audit_kit.case
async def case_reads_are_half_open(h: AuditHarness) -> None:
    """`read` is half-open, cut at the end, and gives at most 1,000 entries."""
    sink = await h.sink()
    entries = make_entries(1100)
    expect(await sink.read(0, 10) == [], "an empty log has no entries")
    await sink.append(entries, expected_size=0)
    for start, stop in ((0, 1), (3, 9), (1095, 2000), (1099, 1100), (1100, 1200), (5, 5), (999, 1001)):
        expect(list(await sink.read(start, stop)) == entries[start:stop], f"entries {start} to {stop}")
    expect(list(await sink.read(0, 1100)) == entries[:1000], "at most 1,000 a call")


@audit_kit.case
async def case_an_empty_batch_changes_nothing(h: AuditHarness) -> None:
    """A batch of nothing stores nothing."""
    sink = await h.sink()
    expect(list(await sink.append([], expected_size=0)) == [], "no index is returned")
    expect(await sink.size() == 0, "nothing is stored")


@audit_kit.case
async def case_expected_size_is_checked(h: AuditHarness) -> None:
    """Another size than expected is a conflict, and nothing is stored."""
    sink = await h.sink()
    entries = make_entries(3)
    with expect_error(ErrorCode.CONFLICT):
        await sink.append(entries, expected_size=1)
    await _holds(sink, [], "nothing is stored after a conflict")
    await sink.append(entries, expected_size=0)
    more = make_entries(2)
    for size in (0, 2, 4):
        with expect_error(ErrorCode.CONFLICT):
            await sink.append(more, expected_size=size)
    await _holds(sink, entries, "nothing is stored after a conflict")
    for entry in more:
        expect(await sink.find(entry.id) is None, "what was refused is not found")


@audit_kit.case
async def case_a_known_entry_is_not_stored_again(h: AuditHarness) -> None:
    """A known id with the same body is not stored again: its index is returned, at any expected size."""
    sink = await h.sink()
    entries = make_entries(6)
    await sink.append(entries[:4], expected_size=0)
    expect(list(await sink.append(entries[:4], expected_size=0)) == [0, 1, 2, 3], "a retried batch gets its indexes")
    expect(list(await sink.append([entries[2]], expected_size=4)) == [2], "a known entry gets its index")
    mixed = [entries[1], entries[4], entries[3], entries[5]]
    expect(list(await sink.append(mixed, expected_size=4)) == [1, 4, 3, 5], "only the new ones are stored")
    await _holds(sink, entries, "each entry is stored once")


@audit_kit.case
async def case_a_known_entry_does_not_count_as_growth(h: AuditHarness) -> None:
    """Entries of the batch that are there already do not make the caller's size a wrong one."""
    sink = await h.sink()
    entries = make_entries(3)
    await sink.append(entries[:2], expected_size=0)
    expect(list(await sink.append(entries, expected_size=0)) == [0, 1, 2], "what was in doubt may be sent with more")
    await _holds(sink, entries, "each entry is stored once")


@audit_kit.case
async def case_another_body_is_a_conflict(h: AuditHarness) -> None:
    """A known id with another body is a conflict, and nothing of the batch is stored."""
    sink = await h.sink()
    entries = make_entries(2)
    await sink.append(entries, expected_size=0)
    fresh = make_entries(2)
    with expect_error(ErrorCode.CONFLICT):
        await sink.append([fresh[0], Entry(entries[1].id, b"other"), fresh[1]], expected_size=2)
    await _holds(sink, entries, "nothing of the batch is stored")
    expect(await sink.find(fresh[0].id) is None, "nothing of the batch is found")


@audit_kit.case
async def case_one_id_twice_in_a_batch(h: AuditHarness) -> None:
    """One id twice in a batch is stored once if the bodies agree; else it is a conflict."""
    sink = await h.sink()
    first, second = make_entries(2)
    expect(list(await sink.append([first, second, first], expected_size=0)) == [0, 1, 0], "both get one index")
    await _holds(sink, [first, second], "it is stored once")
    (third,) = make_entries(1)
    with expect_error(ErrorCode.CONFLICT):
        await sink.append([third, Entry(third.id, b"other")], expected_size=2)
    await _holds(sink, [first, second], "nothing is stored")


@audit_kit.case
async def case_entries_are_found_by_id(h: AuditHarness) -> None:
    """`find` gives the index of a stored id, and None for another."""
    sink = await h.sink()
    entries = make_entries(12)
    await sink.append(entries[:7], expected_size=0)
    await sink.append(entries[7:], expected_size=7)
    for index, entry in enumerate(entries):
        expect(await sink.find(entry.id) == index, "each id is found")
    expect(await sink.find(UUID(int=5)) is None, "an unknown id is not")


@audit_kit.case
async def case_bodies_come_back_unchanged(h: AuditHarness) -> None:
    """Bodies are bytes: any value, from one byte to the largest entry."""
    sink = await h.sink()
    bodies = [b"\x00", bytes(range(256)) * 3, b"\n", "ผู้ป่วย".encode(), b"\xff" * LARGEST_ENTRY, b"0" * 512, b"x"]
    entries = [Entry(entry.id, body) for entry, body in zip(make_entries(len(bodies)), bodies, strict=True)]
    await sink.append(entries, expected_size=0)
    await _holds(sink, entries, "bodies come back unchanged")


@audit_kit.case
async def case_of_racers_one_wins(h: AuditHarness) -> None:
    """Of many that expect one size, one appends and the others get a conflict."""
    sink = await h.sink()
    batches = [make_entries(3) for _ in range(8)]
    won: list[int] = []

    async def race(number: int) -> None:
        try:
            await sink.append(batches[number], expected_size=0)
        except AegisError as error:
            expect(error.code is ErrorCode.CONFLICT, "who loses gets a conflict")
        else:
            won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(len(batches)):
            group.start_soon(race, number)
    expect(len(won) == 1, "exactly one wins")
    await _holds(sink, batches[won[0]], "the winner's batch is stored, and nothing else")


@audit_kit.case(needs="shared")
async def case_processes_see_each_other(h: AuditHarness) -> None:
    """What one process appends the other sees, and its old size is a conflict there."""
    one, other = await h.sink(), await h.sink()
    entries = make_entries(6)
    await one.append(entries[:2], expected_size=0)
    expect(await other.size() == 2, "the other sees the size")
    with expect_error(ErrorCode.CONFLICT):
        await other.append(entries[2:4], expected_size=0)
    await other.append(entries[2:4], expected_size=2)
    expect(list(await one.append(entries[2:4], expected_size=2)) == [2, 3], "known entries of others are known")
    expect(await one.find(entries[3].id) == 3, "entries of others are found")
    await one.append(entries[4:], expected_size=4)
    await _holds(other, entries, "both see one log")
    await _holds(one, entries, "both see one log")


@audit_kit.case(needs="restarts")
async def case_entries_outlive_the_adapter(h: AuditHarness) -> None:
    """After a restart every entry is there, in order, and ids are known."""
    sink = await h.sink()
    entries = make_entries(40)
    for start in range(0, 30, 10):
        await sink.append(entries[start : start + 10], expected_size=start)
    await sink.aclose()
    sink = await h.sink()
    await _holds(sink, entries[:30], "every entry is there")
    expect(list(await sink.append(entries[25:], expected_size=30)) == list(range(25, 40)), "known ids are known")
    await _holds(sink, entries, "the log goes on where it ended")


@audit_kit.case(needs="crashes")
async def case_acknowledged_means_durable(h: AuditHarness) -> None:
    """What `append` acknowledged survives the loss of everything that was not flushed."""
    sink = await h.sink()
    entries = make_entries(9)
    for start in range(0, 9, 3):
        await sink.append(entries[start : start + 3], expected_size=start)
    await h.crash()
    await _holds(await h.sink(), entries, "acknowledged entries survive a crash")


@audit_kit.case(needs="tears")
async def case_a_torn_tail_is_cut_and_counted(h: AuditHarness) -> None:
    """Half a batch at the end is cut at open and counted; what comes after leaves no hole inside."""
    sink = await h.sink()
    entries = make_entries(9)
    await sink.append(entries[:5], expected_size=0)
    await sink.aclose()
    await h.tear()
    sink = await h.sink()
    await _holds(sink, entries[:5], "nothing but the torn batch is gone")
    expect((await sink.health()).facts.get("torn") == 1, "the cut is counted")
    await sink.append(entries[5:], expected_size=5)
    await sink.aclose()
    sink = await h.sink()
    await _holds(sink, entries, "there is no hole inside")
    expect((await sink.health()).facts.get("torn") == 0, "it was cut for good")


@audit_kit.case(needs="damages")
async def case_a_changed_entry_is_never_cut(h: AuditHarness) -> None:
    """An entry that was changed after it was written is an integrity error, wherever it stands; it is never cut."""
    for place in (1, 5):
        sink = await h.sink()
        size = await sink.size()
        entries = make_entries(6)
        await sink.append(entries[:3], expected_size=size)
        await sink.append(entries[3:], expected_size=size + 3)
        await h.damage(entries[place].body)
        with expect_error(ErrorCode.INTEGRITY):
            await sink.read(size, size + 6)
        with expect_error(ErrorCode.INTEGRITY):
            await (await h.sink()).read(size, size + 6)
        await h.damage(entries[place].body)  # changes it back
        expect(list(await (await h.sink()).read(size, size + 6)) == entries, "nothing was cut")


@audit_kit.case
async def case_open_and_close_are_idempotent(h: AuditHarness) -> None:
    """`open` and `aclose` may be called twice, and `health` never raises."""
    sink = await h.sink()
    await sink.append(make_entries(1), expected_size=0)
    await sink.open()
    expect(await sink.size() == 1, "a second open changes nothing")
    expect((await sink.health()).state != "down", "an open adapter is not down")
    await sink.aclose()
    await sink.aclose()
    await sink.health()


@audit_kit.case
async def case_it_agrees_with_a_list(h: AuditHarness) -> None:
    """A hundred seeded appends, of new and known entries at right and wrong sizes, agree with a plain list."""
    sink = await h.sink()
    chance = SeededEntropy(20)
    model: list[Entry] = []
    known: dict[UUID, int] = {}
    for _ in range(100):
        batch = make_entries(int(chance.fraction() * 4))
        if model and chance.fraction() < 0.4:
            batch.insert(int(chance.fraction() * (len(batch) + 1)), model[int(chance.fraction() * len(model))])
        size = len(model) + (chance.fraction() < 0.2)
        fresh = [entry for entry in batch if entry.id not in known]
        try:
            indexes = list(await sink.append(batch, expected_size=size))
        except AegisError as error:
            expect(error.code is ErrorCode.CONFLICT and fresh and size != len(model), "only a wrong size conflicts")
            continue
        expect(not fresh or size == len(model), "a wrong size conflicts")
        for entry in fresh:
            known[entry.id] = len(model)
            model.append(entry)
        expect(indexes == [known[entry.id] for entry in batch], "each entry's index is returned")
    await _holds(sink, model, "the log is the list")
