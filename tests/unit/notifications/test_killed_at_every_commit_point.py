"""SIGKILL before every durable step of a hub over files: nothing acknowledged is lost, and nobody is mailed twice."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import anyio
import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.local.filesystem.notification import EmlFolder
from aegis_core.local.filesystem.state import FileState
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications import NotificationHub, Recipient
from tests.unit.notifications.conftest import TEMPLATES, ResultReady

PROGRAM = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    import anyio
    from aegis_core.local.filesystem import notification, state

    from tests.unit.notifications.test_killed_at_every_commit_point import KEYS, at_home, message_to

    root, victim = Path(sys.argv[1]), int(sys.argv[2])
    step = 0

    def counted(fn):
        def run(*args, **options):
            global step
            if step == victim:
                os.kill(os.getpid(), signal.SIGKILL)
            step += 1
            return fn(*args, **options)
        return run

    # Every way in which a file gets its name or loses it, and the moment between a mail's bytes and its name.
    state.FileState._put = counted(state.FileState._put)
    state.FileState._delete = counted(state.FileState._delete)
    notification.write_new = counted(notification.write_new)
    notification.publish_new = counted(notification.publish_new)
    notification.sync_folder = counted(notification.sync_folder)

    async def main():
        async with at_home(root) as hub:
            for key in KEYS:
                await hub.send(message_to(key), key=key)
                print("taken", key, flush=True)

    anyio.run(main)
    print("steps", step, flush=True)
""")

KEYS = ("result-1", "result-2")


def message_to(key):
    return ResultReady(
        to=Recipient(f"patient/{key}", {"email": Classified(f"{key}@patients.example", PHI.EMAIL)}), clinic="North"
    )


class at_home:
    def __init__(self, root):
        self.keyring = Keyring(FileVault(root / "keys"), FileState(root / "state"))
        self.hub = NotificationHub([EmlFolder(root / "mail")], self.keyring, templates=TEMPLATES)

    async def __aenter__(self):
        await self.keyring.open()
        return await self.hub.__aenter__()

    async def __aexit__(self, *error):
        await self.hub.__aexit__(*error)
        await self.keyring.aclose()


def run_until_killed(root, victim):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), str(victim)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )


def test_killed_before_any_step_every_message_taken_is_mailed_once(tmp_path):
    whole = run_until_killed(tmp_path / "whole", 10_000)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout.split()[-1])
    assert steps >= 12

    async def recover(root, taken):
        async with at_home(root) as hub:
            for key in taken:
                assert (await hub.send_immediate(message_to(key), key=key)).status == "accepted"
            for key in KEYS:
                await hub.send_immediate(message_to(key), key=key)
            assert await hub.deliveries(status="queued") == []
            assert len(await hub.deliveries(status="accepted")) == len(KEYS)

    seen = set()
    for victim in range(steps):
        root = tmp_path / str(victim)
        run = run_until_killed(root, victim)
        assert run.returncode == -signal.SIGKILL, run.stderr
        taken = run.stdout.split()[1::2]
        seen.add(len(taken))
        anyio.run(recover, root, taken)
        mails = sorted((root / "mail").glob("*.eml"))
        assert len(mails) == len(KEYS), f"killed before step {victim}"
        for key in KEYS:
            assert sum(f"To: {key}@".encode() in mail.read_bytes() for mail in mails) == 1
        assert [left.name for left in (root / "mail" / ".mail").iterdir()] == ["lock"]
    assert seen == {0, 1, 2}, "some were killed before anything was taken, some in between, some after"


@pytest.mark.anyio
async def test_a_new_hub_mails_what_was_taken_without_being_asked(tmp_path):
    run = run_until_killed(tmp_path, 7)
    assert run.returncode == -signal.SIGKILL, run.stderr
    taken = run.stdout.split()[1::2]
    async with at_home(tmp_path):
        pass
    assert len(list((tmp_path / "mail").glob("*.eml"))) >= len(taken) > 0
