"""Workers that are forked from, or spawned by, a parent whose Aegis is open and in use."""

#: As uWSGI, a process pool and their like do it: everything is open, used and handed out, and then the parent forks.
FORKED = """
import concurrent.futures, multiprocessing
from aegis_core import ForkedError
from aegis_core.blocking import PerProcess

def kept(act):
    try:
        act()
    except ForkedError as error:
        return "open a new one in the child" in error.message
    return False

def work(number):
    # What was handed out before the fork is refused, async services as well as blocking ones ...
    assert kept(lambda: trail.record(Filed(label="never"))) and kept(lambda: storage.stat("reports/parent"))
    assert kept(lambda: anyio.run(keyring.rewrap)) and kept(lambda: anyio.run(files.list("").__anext__))
    assert kept(lambda: later.submit(Filed(label="never")).wait(deadline=20))
    # ... and the holder opens the child's own.
    with treating():
        mine.audit.record(Filed(label=f"worker {number}"))
        assert mine.storage.download("reports/parent") == PATIENT["name"].encode()
        mine.audit.submit(Filed(label=f"worker {number}, at the end"))  # the worker's end waits for it
    return os.getpid()

mine = PerProcess(Aegis())
opened = Aegis()
with opened.blocking() as blocking, treating():
    trail, storage, later, keyring, files = blocking.audit, blocking.storage, opened.audit, opened.keys, opened.storage
    storage.upload("reports/parent", PATIENT["name"].encode())
    mine.audit.record(Filed(label="parent"))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        workers = set(pool.map(work, range(4)))
    process = context.Process(target=work, args=(4,))
    process.start()
    process.join()
    assert process.exitcode == 0 and os.getpid() not in workers
    trail.record(Filed(label="parent, afterwards"))
    mine.audit.submit(Filed(label="parent, at the end"))
    assert storage.download("reports/parent") == PATIENT["name"].encode()
"""

#: A spawned child imports the program anew: nothing comes along, and there is nothing to refuse.
SPAWNED = """
import multiprocessing
from aegis_core.blocking import PerProcess

mine = PerProcess(Aegis())

def work(number):
    with treating():
        mine.audit.submit(Filed(label=f"worker {number}"))

if __name__ == "__main__":
    with treating():
        mine.audit.record(Filed(label="parent"))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(number,)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
"""


def test_forked_workers_are_refused_what_the_parent_opened_and_open_their_own(workplace):
    workplace.run(FORKED)
    ends = [f"worker {number}{end}" for number in range(5) for end in ("", ", at the end")]
    assert workplace.labels() == sorted([*ends, "parent", "parent, afterwards", "parent, at the end"])


def test_spawned_workers_bring_nothing_and_lose_nothing(workplace):
    workplace.run(SPAWNED)
    assert workplace.labels() == ["parent", "worker 0", "worker 1"]
