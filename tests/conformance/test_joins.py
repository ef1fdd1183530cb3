"""The kit of joined transactions over a model in memory, and over the same model with planted bugs."""

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from aegis_core.audit.port import AuditCapabilities, Entry
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.testing.kit import HarnessFactory, kill_rate, pytest_cases
from aegis_core.testing.kits.audit import AuditHarnessCapabilities
from aegis_core.testing.kits.joins import JoinsHarness, joins_kit


class Database:
    """What is committed: the application's rows, and entries that have no index yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: list[str] = []
        self.staged: list[Entry] = []
        self.begun: list[ModelTransaction] = []


class ModelTransaction:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.threads: set[int] = set()
        self.rows: list[str] = []
        self.entries: list[Entry] = []
        database.begun.append(self)

    @property
    def handle(self) -> object:
        return self

    def use(self) -> None:
        self.threads.add(threading.get_ident())

    def write(self, text: str) -> None:
        self.use()
        self.rows.append(text)

    def stage(self, entries: Sequence[Entry]) -> None:
        self.use()
        for entry in entries:
            known = next((each for each in self.entries if each.id == entry.id), None)
            if known is None:
                self.entries.append(entry)
            elif known != entry:
                raise AegisError(ErrorCode.CONFLICT, "another body")

    def commit(self) -> None:
        self.use()
        with self.database.lock:
            self.database.rows += self.rows
            self.database.staged += self.entries

    def rollback(self) -> None:
        self.use()


class Joining(MemoryAudit):
    """Joins transactions of the model."""

    capabilities = AuditCapabilities(shared=True, joins_transactions=True)

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database

    async def join(self, entries, transaction, /):
        self.join_sync(entries, transaction)

    def join_sync(self, entries, transaction, /):
        if not isinstance(transaction, ModelTransaction):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "within= takes a transaction of the model")
        transaction.stage(entries)

    async def joined(self, limit, /):
        return [e for e in self.database.staged if self._index.get(e.id) is None][:limit]

    async def append(self, entries, /, *, expected_size):
        indexes = await super().append(entries, expected_size=expected_size)
        with self.database.lock:
            taken = {entry.id for entry in entries}
            self.database.staged = [entry for entry in self.database.staged if entry.id not in taken]
        return indexes


class ModelHarness:
    capabilities = AuditHarnessCapabilities(shared=True, joins_transactions=True)

    def __init__(self, kind: type[Joining]) -> None:
        self.database = Database()
        self.one = kind(self.database)

    async def sink(self) -> Joining:
        return self.one

    def begin(self) -> ModelTransaction:
        return ModelTransaction(self.database)

    def written(self) -> Sequence[str]:
        return sorted(self.database.rows)


@asynccontextmanager
async def model(kind: type[Joining] = Joining) -> AsyncGenerator[JoinsHarness]:
    yield ModelHarness(kind)


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(joins_kit, {"model": model}))
async def test_the_model_joins_transactions(check) -> None:
    await check()


# ------------------------------------------------------------------------------------------------- planted bugs


class RecordsAtOnce(Joining):
    """Writes on a connection of its own: recorded although rolled back."""

    def join_sync(self, entries, transaction, /):
        super().join_sync(entries, transaction)
        with self.database.lock:
            self.database.staged += [e for e in entries if e not in self.database.staged]
        transaction.entries.clear()


class ForgetsAtCommit(Joining):
    """Keeps what was joined with the adapter, where no commit reaches it: lost although committed."""

    def join_sync(self, entries, transaction, /):
        super().join_sync(entries, transaction)
        transaction.entries.clear()


class LosesTheSecond(Joining):
    """Keeps only what the last call of a transaction brought."""

    def join_sync(self, entries, transaction, /):
        if entries and isinstance(transaction, ModelTransaction):
            transaction.entries.clear()
        super().join_sync(entries, transaction)


class UsesTheLatestConnection(Joining):
    """Writes on whatever connection was opened last: another thread's."""

    def join_sync(self, entries, transaction, /):
        super().join_sync([], transaction)
        if entries:
            self.database.begun[-1].stage(entries)


class HopsToAThread(Joining):
    """Uses the caller's connection on a worker thread."""

    def join_sync(self, entries, transaction, /):
        failed = []

        def work() -> None:
            try:
                Joining.join_sync(self, entries, transaction)
            except AegisError as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]


class AsyncTwinIsAlone(Joining):
    async def join(self, entries, transaction, /):
        RecordsAtOnce.join_sync(self, entries, transaction)


class NeverTakesOver(Joining):
    async def joined(self, limit, /):
        return self.database.staged[:limit]

    async def append(self, entries, /, *, expected_size):
        return await MemoryAudit.append(self, entries, expected_size=expected_size)


class DropsOnConflict(Joining):
    async def append(self, entries, /, *, expected_size):
        with self.database.lock:
            taken = {entry.id for entry in entries}
            self.database.staged = [entry for entry in self.database.staged if entry.id not in taken]
        return await MemoryAudit.append(self, entries, expected_size=expected_size)


class SortsById(Joining):
    async def joined(self, limit, /):
        return sorted(await super().joined(10_000), key=lambda entry: entry.id)[:limit]


class IgnoresTheLimit(Joining):
    async def joined(self, limit, /):
        return await super().joined(10_000)


class TakesAnything(Joining):
    def join_sync(self, entries, transaction, /):
        if isinstance(transaction, ModelTransaction):
            super().join_sync(entries, transaction)


class SaysNothing(Joining):
    def join_sync(self, entries, transaction, /):
        if not isinstance(transaction, ModelTransaction):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "wrong argument")
        super().join_sync(entries, transaction)


class HeldUpByOne(Joining):
    async def joined(self, limit, /):
        return self.database.staged[:limit]


class TakesAnotherBody(Joining):
    def join_sync(self, entries, transaction, /):
        known = {} if not isinstance(transaction, ModelTransaction) else {e.id for e in transaction.entries}
        super().join_sync([entry for entry in entries if entry.id not in known], transaction)


class ShowsOpenTransactions(Joining):
    async def joined(self, limit, /):
        open_ones = [entry for transaction in self.database.begun for entry in transaction.entries]
        return list({e.id: e for e in self.database.staged + open_ones if e.id not in self._index}.values())[:limit]


def test_the_kit_rejects_every_planted_bug(capsys) -> None:
    kinds = {
        "recorded although rolled back": RecordsAtOnce,
        "lost although committed": ForgetsAtCommit,
        "lost although committed, but the last": LosesTheSecond,
        "other thread's connection": UsesTheLatestConnection,
        "own connection on another thread": HopsToAThread,
        "async twin writes by itself": AsyncTwinIsAlone,
        "never taken over": NeverTakesOver,
        "dropped by a conflict": DropsOnConflict,
        "sorted by id": SortsById,
        "limit ignored": IgnoresTheLimit,
        "anything taken for a transaction": TakesAnything,
        "refused without a word": SaysNothing,
        "held up by one that cannot be stored": HeldUpByOne,
        "another body under one id": TakesAnotherBody,
        "open transactions shown": ShowsOpenTransactions,
    }
    bugs: dict[str, HarnessFactory[JoinsHarness]] = {name: partial(model, kind) for name, kind in kinds.items()}
    report = kill_rate(joins_kit, bugs, fail_fast=False, limit=20.0)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
    assert "rolled_back_is_not_recorded" in report.killed_by["recorded although rolled back"]
    assert "committed_entries_are_joined" in report.killed_by["lost although committed"]
    assert "threads_keep_apart" in report.killed_by["own connection on another thread"]
    assert "each_transaction_has_its_own" in report.killed_by["other thread's connection"]
