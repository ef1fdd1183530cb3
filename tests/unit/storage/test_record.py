import anyio
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.storage import MemoryStorage, MemoryWriter
from aegis_core.marks.shapes import marks_of
from aegis_core.marks.taxonomy import PHI
from aegis_core.storage.events import ObjectCopied, ObjectDeleted, ObjectMoved, ObjectRead, ObjectWritten
from aegis_core.storage.model import ByteRange, Match


@pytest.mark.parametrize("event", [ObjectWritten, ObjectRead, ObjectCopied, ObjectMoved, ObjectDeleted])
def test_keys_are_sealed_in_the_trail(event):
    marks = marks_of(event)
    assert {marks.get(name) for name in ("key", "target") if name in marks} == {PHI.UNIQUE_ID}
    assert marks.get("object_id") is None


@pytest.mark.anyio
async def test_each_operation_is_on_record_with_the_objects_own_id(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", b"12345")
        await storage.download("a")
        await storage.download("a", range=ByteRange(1, 3))
        await storage.move("a", "b")
        await storage.delete("b")
        await storage.delete("b")  # nothing is there: nothing happens
    assert [event.action for event in trail.events] == [
        "storage.written",
        "storage.read",
        "storage.read",
        "storage.moved",
        "storage.deleted",
    ]
    assert len({event.object_id for event in trail.events}) == 1
    assert [event.size for event in trail.events[:4]] == [5, 5, 2, 5]
    assert [event.key for event in trail.events] == ["a", "a", "a", "a", "b"]
    assert trail.events[3].target == "b"
    assert "'a'" not in repr(trail.events)


async def while_held(trail, work, look):
    """Run ``work`` with a trail that makes nothing durable, look, then let it through."""
    trail.events.clear()
    trail.held = True
    done = anyio.Event()

    async def run():
        await work()
        done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        while not trail.events:
            await anyio.lowlevel.checkpoint()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert not done.is_set()
        await look()
        trail.release()
    assert done.is_set()


@pytest.mark.anyio
async def test_nothing_is_published_before_the_event_is_durable(adapter, opened, trail):
    async with opened(adapter) as storage:

        async def look():
            assert (await adapter.list("")).objects == ()

        await while_held(trail, lambda: storage.upload("a", bytes(3 << 20)), look)
        assert len(await storage.download("a")) == 3 << 20


@pytest.mark.anyio
async def test_nothing_is_moved_or_deleted_before_the_event_is_durable(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", b"x")

        async def look():
            assert [info.key for info in (await adapter.list("")).objects] == ["_/a"]

        await while_held(trail, lambda: storage.move("a", "b"), look)
        await storage.move("b", "a")
        await while_held(trail, lambda: storage.delete("a"), look)


@pytest.mark.anyio
async def test_no_byte_is_released_before_the_event_is_durable(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", b"secret")
        released = []

        async def read():
            async with storage.open("a") as reader:
                released.extend([chunk async for chunk in reader])

        async def look():
            assert released == []

        await while_held(trail, read, look)
        assert released == [b"secret"]


@pytest.mark.anyio
async def test_a_trail_that_refuses_stops_the_operation(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", b"x")
        trail.broken = AegisError(ErrorCode.UNAVAILABLE, "the trail is down", operation="audit.record")
        for work in (
            lambda: storage.upload("b", b"y"),
            lambda: storage.download("a"),
            lambda: storage.move("a", "b"),
            lambda: storage.delete("a"),
        ):
            with pytest.raises(AegisError) as caught:
                await work()
            assert caught.value is trail.broken
        assert [info.key async for info in storage.list()] == ["a"]
        assert trail.broken.adapter == ""


class FailingCommit(MemoryStorage):
    """Its commits fail; with ``lost`` they have happened all the same, and are seen by the driver's own second try."""

    def __init__(self, error, *, lost=False):
        super().__init__()
        self.error = error
        self.lost = lost

    def write(self, key, /, *, replace):
        store = self

        class Writer(MemoryWriter):
            async def commit(self):
                if store.lost:
                    await super().commit()
                raise store.error

        return Writer(self, key, replace)

    def classify(self, exc, /):
        return ErrorCode.UNAVAILABLE if isinstance(exc, ConnectionError) else None


@pytest.mark.anyio
async def test_a_commit_that_fails_is_a_second_event_of_the_same_object(opened, trail):
    adapter = FailingCommit(ConnectionResetError(104, "reset", "/secret/Somchai"))
    async with opened(adapter) as storage:
        with pytest.raises(AegisError) as caught:
            await storage.upload("Somchai", b"x")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable
    assert (caught.value.operation, caught.value.adapter) == ("storage.upload", "memory")
    assert "Somchai" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__.__cause__}"
    assert caught.value.__cause__.errno == 104
    assert trail.told == [("storage.written", "success"), ("storage.written", "failed")]
    assert trail.events[0].object_id == trail.events[1].object_id


@pytest.mark.anyio
@pytest.mark.parametrize("code", [ErrorCode.ALREADY_EXISTS, ErrorCode.PRECONDITION_FAILED])
async def test_a_repeated_commit_that_meets_its_own_object_is_a_success(code, opened, trail):
    adapter = FailingCommit(AegisError(code, "somebody was first"), lost=True)
    async with opened(adapter) as storage:
        info = await storage.upload("a", b"12345")
        assert info.size == 5
        assert await storage.download("a") == b"12345"
    assert ("storage.written", "failed") not in trail.told


@pytest.mark.anyio
async def test_an_object_of_another_is_no_success(opened, trail):
    adapter = FailingCommit(AegisError(ErrorCode.ALREADY_EXISTS, "somebody was first"))
    async with opened(adapter) as storage:
        adapter.write = lambda key, /, *, replace: MemoryWriter(adapter, key, replace)
        await storage.upload("a", b"first")
        del adapter.write
        with pytest.raises(AegisError) as caught:
            await storage.upload("a", b"second")
        assert caught.value.code is ErrorCode.ALREADY_EXISTS
    assert trail.told[-1] == ("storage.written", "failed")


@pytest.mark.anyio
async def test_a_deletion_that_fails_is_a_second_event(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", b"x")
        trail.events.clear()
        with pytest.raises(AegisError) as caught:
            await storage.delete("a", only=Match("another"))
        assert caught.value.code is ErrorCode.PRECONDITION_FAILED
        assert trail.told == [("storage.deleted", "success"), ("storage.deleted", "failed")]
        with pytest.raises(AegisError) as caught:
            await storage.delete("nothing", only=Match("another"))
        assert caught.value.code is ErrorCode.PRECONDITION_FAILED
        assert len(trail.events) == 2


@pytest.mark.anyio
async def test_operations_are_counted_by_their_end(adapter, opened, counted):
    async with opened(adapter, metrics=counted) as storage:
        await storage.upload("a", b"x")
        await storage.download("a")
        for _ in range(2):
            with pytest.raises(AegisError):
                await storage.download("b")
        with pytest.raises(AegisError):
            await storage.upload("a", b"x")
    name = "aegis_storage_operations_total"
    assert counted.totals == {
        (name, ("operation", "storage.upload"), ("outcome", "ok")): 1,
        (name, ("operation", "storage.upload"), ("outcome", "already_exists")): 1,
        (name, ("operation", "storage.download"), ("outcome", "ok")): 1,
        (name, ("operation", "storage.download"), ("outcome", "not_found")): 2,
    }
