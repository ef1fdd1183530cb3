"""SIGKILL in the middle of the work: what was acknowledged is there, nobody is mailed twice, and it ends well.

``AEGIS_KILLS`` says how many kills (default 6), ``AEGIS_KILL_SEED`` repeats a run.
"""

import email
import hashlib
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
from aegis_core.kernel.settings import Settings
from examples.clinic.letters import RESULTS_READY

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("AEGIS_KILLS", "6"))
SEED = int(os.environ.get("AEGIS_KILL_SEED", random.SystemRandom().randrange(10**6)))

#: The system's functions through which something becomes durable or visible, and about how often a run calls each.
POINTS = {"fsync": 340, "fdatasync": 114, "link": 57, "unlink": 66, "replace": 29}


def environment(home):
    return {
        "AEGIS_ENV": "test",
        "AEGIS_ORIGIN": "clinic.example/audit",
        "AEGIS_STORAGE": f"file:{home}/storage",
        "AEGIS_AUDIT": f"file:{home}/audit",
        "AEGIS_SUBJECT_KEYS": f"sqlite:{home}/subject-keys.db",
        "AEGIS_KEYS": f"file:{home}/keys",
        "AEGIS_EMAIL": f"eml:{home}/mail",
        "AEGIS_LOG": f"jsonl:{home}/log/clinic.jsonl",
    }


def start(home, acks, point, *more):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kill.victim", point, "--home", str(home), "--acknowledged", str(acks),
         "--outage", "0.2", *more],
        cwd=ROOT, env=clean | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def acknowledged(acks):
    if not acks.exists():
        return []
    # A line that the kill cut short was never whole: nobody could have read it.
    return [json.loads(line) for line in acks.read_bytes().split(b"\n")[:-1]]


def kill_once(home, acks, chance):
    """Start the clinic and kill it once it has got somewhere; gives the point, or None where it ended first."""
    before = len(acknowledged(acks))
    if chance.random() < 0.5:
        name = chance.choice(sorted(POINTS))
        number = round(POINTS[name] * chance.uniform(0.1, 0.7))
        point = f"{name}:{chance.choice(['before', 'after'])}:{number}"
        victim = start(home, acks, point)
        victim.communicate(timeout=60)
    else:
        point = "random time"
        victim = start(home, acks, "never")
        wanted = before + chance.randrange(1, 60)
        ends = time.monotonic() + 60
        while victim.poll() is None and len(acknowledged(acks)) < wanted and time.monotonic() < ends:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        victim.send_signal(signal.SIGKILL)
        victim.communicate(timeout=60)
    if victim.returncode != -signal.SIGKILL:
        assert victim.returncode == 0
        return None
    assert len(acknowledged(acks)) > before or before, f"nothing was acknowledged before the kill at {point}"
    return point


async def check(home, promised):
    """Everything that was promised is there, exactly once."""
    aegis = Aegis(Settings.read(environment(home)), templates=[RESULTS_READY])
    recorded = Counter()
    async with aegis.open():
        for promise in promised:
            if promise["kind"] == "stored":
                content = await aegis.storage.download(promise["key"])
                assert hashlib.sha256(content).hexdigest() == promise["sha256"]
        async for event in aegis.audit.entries():
            recorded[str(event.event_id)] += 1
        verdict = await aegis.audit.verify()
        statuses = Counter(delivery.status for delivery in await aegis.notify.deliveries())
    assert all(recorded[promise["event"]] == 1 for promise in promised if promise["kind"] == "recorded")
    assert max(recorded.values()) == 1
    assert verdict.intact, verdict.findings
    letters = Counter(
        email.message_from_bytes(letter.read_bytes(), policy=policy.default)["To"]
        for letter in (home / "mail").glob("*.eml")
    )
    assert max(letters.values()) == 1
    assert statuses == {"accepted": len(letters), "unreachable": 1}
    assert len(letters) == 9
    assert len({promise["key"] for promise in promised if promise["kind"] == "mailed"}) <= len(letters)


@pytest.mark.timeout(60 + 15 * KILLS)
def test_nothing_acknowledged_is_lost_and_nobody_is_mailed_twice(tmp_path, capsys):
    chance = random.Random(SEED)
    killed = []
    home = 0
    while len(killed) < KILLS:
        home += 1
        here, acks = tmp_path / f"home-{home}", tmp_path / f"acks-{home}"
        for _ in range(2):
            if len(killed) < KILLS and (point := kill_once(here, acks, chance)):
                killed.append(f"{point} after {len(acknowledged(acks))} acknowledgements")
        last = start(here, acks, "never")
        said, _ = last.communicate(timeout=60)
        assert last.returncode == 0, said.decode()
        anyio.run(check, here, acknowledged(acks))
    with capsys.disabled():
        print(f"\nseed {SEED}: {len(killed)} kills, nothing lost, nobody mailed twice")
        print("\n".join(f"  {line}" for line in killed))
