"""Several event loops in one process: each has its own Aegis on the same files, and none uses another's services."""

import pytest

EACH_ITS_OWN = """
LOOPS, EVENTS = 4, 10
first = threading.Barrier(LOOPS)

def loop(number):
    async def main():
        async with Aegis().open() as aegis:
            for turn in range(EVENTS):
                with treating():
                    await aegis.audit.record(Filed(label=f"{number}.{turn}"))
                aegis.log.info("filed", name=PATIENT["name"], number=number)
            with treating():
                await aegis.storage.upload(f"reports/{number}", PATIENT["name"].encode())
    first.wait()
    anyio.run(main, backend="trio" if number % 2 else "asyncio")

threads = [threading.Thread(target=loop, args=(number,)) for number in range(LOOPS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""

#: A service of the loop that opened it, used on the loop of another thread by many tasks at once.
ANOTHERS = """
from aegis_core import Classified

async def main():
    async with Aegis().open() as aegis:
        async def key():
            await aegis.keys.subject_key(Classified(PATIENT["mrn"], PHI.MRN))
        async def upload():
            await aegis.storage.upload("reports/1", b"%PDF")
        async def listing():
            async for _ in aegis.storage.list():
                pass
        async def deliveries():
            await aegis.notify.deliveries()
        async def refused():
            for act in (key, upload, listing, deliveries, aegis.audit.checkpoint, aegis.audit.verify):
                try:
                    with treating():
                        await act()
                except AegisError as error:
                    assert error.code is ErrorCode.INVALID_ARGUMENT, error
                    assert "open an Aegis on each loop" in error.message, error
                    print(act.__name__)
            with treating():
                await aegis.audit.record(Filed(label="recorded"))
                await aegis.audit.submit(Filed(label="submitted"))
        await anyio.to_thread.run_sync(lambda: anyio.run(refused, backend={other!r}))
        await key()
        with treating():
            await upload()

anyio.run(main, backend={own!r})
"""


def test_loops_that_have_each_their_own_aegis_share_the_trail(workplace):
    workplace.run(EACH_ITS_OWN)
    assert workplace.labels() == sorted(f"{number}.{turn}" for number in range(4) for turn in range(10))
    assert len([line for line in workplace.lines() if line["event"] == "filed"]) == 40


@pytest.mark.parametrize(("own", "other"), [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio")])
def test_a_service_of_another_loop_is_refused_by_name_but_the_trail_takes_events_from_anywhere(workplace, own, other):
    printed = workplace.run(ANOTHERS.format(own=own, other=other))
    assert printed == ["key", "upload", "listing", "deliveries", "checkpoint", "verify"]
    assert workplace.labels() == ["recorded", "submitted"]
