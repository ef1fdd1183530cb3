"""SIGKILL in the middle of the work: what was acknowledged is there, nobody is mailed twice, and it ends well.

``AEGIS_KILLS`` says how many kills (default 6), ``KILL_SEED`` repeats their plan.
"""

import email
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from email import policy
from pathlib import Path

import anyio
import pytest

from aegis_core.app import Aegis
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.verifier import verify_folder
from aegis_core.marks import Purpose
from examples.clinic.home import Home
from examples.clinic.letters import RESULTS_READY
from tests.kill.victim import POINTS

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("AEGIS_KILLS", "6"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(10**6)))

#: What the synthetic bundle holds.
DOCUMENTS, RESULTS, LETTERS = 44, 30, 9
#: The last acknowledgement of documents and results, after which letters begin.
BEFORE_LETTERS = DOCUMENTS + RESULTS
#: Point → how many acknowledgements to wait for at the most, so that it is reached so many times after them.
REACHED = {
    "entry on disk": (60, 4),
    "tile in place": (BEFORE_LETTERS, 1),
    "checkpoint in place": (BEFORE_LETTERS, 1),
    "object's bytes on disk": (40, 3),
    "object in place": (40, 3),
    "object's folder on disk": (40, 9),
    "delivery queued": (BEFORE_LETTERS, LETTERS),
    "letter on disk": (BEFORE_LETTERS, LETTERS),
    "letter in place": (BEFORE_LETTERS, LETTERS),
    "delivery finished": (BEFORE_LETTERS, LETTERS),
    "delivery off the queue": (BEFORE_LETTERS, LETTERS),
    "subject's key written": (20, 2),
}
#: Every start comes by these, also where an earlier one did the work.
EVERY_TIME = {"entry on disk", "tile in place", "checkpoint in place"}


def plan(chance):
    """Kills without end: two named points, each before and after in turn, then a random time."""
    named = []
    while True:
        for _ in range(2):
            if not named:
                named = list(itertools.product(sorted(POINTS), ["before", "after"]))
                chance.shuffle(named)
            point, moment = named.pop()
            latest, most = REACHED[point]
            yield point, f"{point}:{moment}:{chance.randint(1, most)}@{chance.randint(1, latest)}"
        yield None, chance.randint(1, BEFORE_LETTERS)


def start(home, acks, point):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kill.victim", point, "--home", str(home), "--acknowledged", str(acks),
         "--outage", "0.3"],
        cwd=ROOT, env=clean | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def acknowledged(acks):
    if not acks.exists():
        return []
    # A line that the kill cut short was never whole: nobody could have read it.
    return [json.loads(line) for line in acks.read_bytes().split(b"\n")[:-1]]


def kill_at_point(home, acks, text):
    before = len(acknowledged(acks))
    victim = start(home, acks, text)
    said, _ = victim.communicate(timeout=60)
    assert victim.returncode == -signal.SIGKILL, f"{text} was not reached: {said.decode()}"
    progress = len(acknowledged(acks)) - before
    assert progress >= int(text.rpartition("@")[2]), "it was killed before it had got that far"
    return f"{text.rpartition(':')[0]} after {progress} acknowledgements"


def kill_at_random_time(home, acks, wanted, chance):
    """None if it was done before the signal reached it: that is no kill."""
    before = len(acknowledged(acks))
    victim = start(home, acks, "never")
    ends = time.monotonic() + 60
    while victim.poll() is None and len(acknowledged(acks)) - before < wanted and time.monotonic() < ends:
        time.sleep(0.002)
    time.sleep(chance.random() * 0.02)
    victim.send_signal(signal.SIGKILL)
    said, _ = victim.communicate(timeout=60)
    if victim.returncode == 0:
        return None
    assert victim.returncode == -signal.SIGKILL, said.decode()
    progress = len(acknowledged(acks)) - before
    assert progress >= wanted, f"it stood still at {progress} of {wanted} acknowledgements"
    return f"random time after {progress} acknowledgements"


async def check(folder, promised):
    """Everything that was promised is there, exactly once."""
    aegis = Aegis(Home.at(folder, {"AEGIS_ENV": "test"}).settings, templates=[RESULTS_READY])
    written, recorded = set(), Counter()
    async with aegis.open():
        async for event in aegis.audit.entries():
            recorded[str(event.event_id)] += 1
            if event.action == "storage.written":
                written.add(event.opened["key"].reveal(Purpose.TREATMENT))
        for promise in promised:
            if promise["kind"] == "stored":
                content = await aegis.storage.download(promise["key"])
                assert hashlib.sha256(content).hexdigest() == promise["sha256"]
                assert promise["key"] in written, "it was stored and is not on record"
        keys = [VerifierKey.decode(text) for text in await aegis.audit.verifier_keys()]
        checkpoint = await aegis.audit.checkpoint()
        verdict = await aegis.audit.verify()
        count = [event async for event in aegis.audit.entries()]
        statuses = Counter(delivery.status for delivery in await aegis.notify.deliveries())
    assert all(recorded[promise["event"]] == 1 for promise in promised if promise["kind"] == "recorded")
    assert max(recorded.values()) == 1
    assert verdict.intact, verdict.findings
    assert verdict.size == checkpoint.size == len(count)
    outside = verify_folder(folder / "audit" / "log", keys)
    assert outside.intact, outside.findings
    assert outside.size == verdict.size
    letters = Counter(
        email.message_from_bytes(letter.read_bytes(), policy=policy.default)["To"]
        for letter in (folder / "mail").glob("*.eml")
    )
    assert max(letters.values()) == 1, "somebody was mailed twice"
    assert len(letters) == LETTERS
    assert statuses == {"accepted": LETTERS, "unreachable": 1}
    assert len({promise["key"] for promise in promised if promise["kind"] == "mailed"}) == LETTERS
    assert len({promise["key"] for promise in promised if promise["kind"] == "stored"}) == DOCUMENTS
    # Under as many keys as there are results: none is missing, and none came again under another key.
    assert len(list((folder / "lab").iterdir())) == RESULTS


def finish(home, acks):
    """Start it again, as people do after a power cut, and look at everything."""
    last = start(home, acks, "never")
    said, _ = last.communicate(timeout=60)
    assert last.returncode == 0, said.decode()
    assert b"0 hits" in said
    anyio.run(check, home, acknowledged(acks))


@pytest.mark.timeout(60 + 20 * KILLS)
def test_nothing_acknowledged_is_lost_and_nobody_is_mailed_twice(tmp_path, capsys):
    chance = random.Random(SEED)
    with capsys.disabled():
        print(f"\nseed {SEED}: {KILLS} kills (KILL_SEED={SEED} repeats their plan)", flush=True)
    killed = []
    homes = 0
    used = 0  # kills of the current home
    here = acks = tmp_path
    for point, when in plan(chance):
        # A home that is not done may be killed again, but only at what comes again.
        if used and not (used < 3 and (point is None or point in EVERY_TIME)):
            finish(here, acks)
            used = 0
        if used == 0:
            homes += 1
            here, acks = tmp_path / f"home-{homes}", tmp_path / f"acknowledged-{homes}"
        said = kill_at_random_time(here, acks, when, chance) if point is None else kill_at_point(here, acks, when)
        if said is not None:
            used += 1
            killed.append(f"home {homes}: {said}")
        if len(killed) == KILLS:
            break
    finish(here, acks)
    with capsys.disabled():
        print("\n".join(f"  {line}" for line in killed))
        print(f"  {len(killed)} kills in {homes} homes: nothing lost, nobody mailed twice", flush=True)
    assert len(killed) == KILLS
