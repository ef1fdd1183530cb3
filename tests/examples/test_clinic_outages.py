"""Servers go away in the middle, at the start, for a while or for long: nothing promised is lost or done twice."""

import email
import hashlib
import os
import socket
import threading
import time
from email import policy
from types import SimpleNamespace

import anyio
import pytest
from aiosmtpd.controller import Controller

from aegis_core.app import Aegis
from examples.clinic import __main__ as clinic
from examples.clinic import waiting
from examples.clinic.home import Home
from examples.on_servers.compare import differences, fields
from examples.on_servers.holdings import mails


class Trouble:
    """Kills a server when so much was acknowledged, and brings it back once the clinic says that it waits."""

    def __init__(self, monkeypatch):
        self.running = None
        self.kind, self.count = "stored", 0
        self.comes_back = True
        self.promises = []
        self.waits = []
        self._threads = []
        acknowledge, say = clinic.Acknowledgements.__call__, waiting.Waiting.say

        def promised(acknowledgements, kind, /, **facts):
            acknowledge(acknowledgements, kind, **facts)
            self.promises.append({"kind": kind, **facts})
            self.count -= kind == self.kind
            if kind == self.kind and self.count == 0 and self.running is not None:
                self.running.kill()

        def said(one, away, /):
            say(one, away)
            self.waits.append(away)
            if self.comes_back and self.running is not None and not self.running.is_running and not self._threads:
                self._threads.append(threading.Thread(target=self.running.start))
                self._threads[0].start()

        monkeypatch.setattr(clinic.Acknowledgements, "__call__", promised)
        monkeypatch.setattr(waiting.Waiting, "say", said)

    def kills(self, running, *, after, kind="stored"):
        self.running, self.kind, self.count = running, kind, after

    def over(self):
        for thread in self._threads:
            thread.join()
        self.running, self._threads = None, []


@pytest.fixture
def trouble(monkeypatch):
    trouble = Trouble(monkeypatch)
    yield trouble
    trouble.over()


def addresses(place):
    return [str(email.message_from_bytes(mail, policy=policy.default)["To"]) for mail in mails(place)]


async def _kept(home, promises):
    async with Aegis(Home.at(home, os.environ).settings, only=["audit", "storage"]).open() as aegis:
        assert (await aegis.audit.verify()).intact
        events = [event async for event in aegis.audit.entries()]
        for promise in promises:
            if promise["kind"] == "stored":
                content = await aegis.storage.download(promise["key"])
                assert hashlib.sha256(content).hexdigest() == promise["sha256"]
    return events


def kept(home, promises):
    """What was promised is there, once; read by who comes after it all."""
    events = anyio.run(_kept, home, promises)
    ids = [str(event.event_id) for event in events]
    assert len(ids) == len(set(ids))
    assert [each for each in promises if each["kind"] == "recorded" and each["event"] not in ids] == []
    results = [event.data["document"] for event in events if event.action == "clinic.result_sent"]
    mornings = [event for event in events if event.action == "access.decided"]
    assert len(set(results)) == 30
    assert len(mornings) > 1 or len(results) == 30, "each morning says of each result once that the lab has it"
    words = [event.data["delivery"] for event in events if event.action == "message.sent"]
    assert len(words) == len(set(words)) == 10
    return events


AT_THE_DATABASE = {"trail", "keys", "state store", "journal of letters"}
#: Server, when it is killed, and who is said to be waited for.
KILLED = [
    ("postgres", "stored", 14, AT_THE_DATABASE),
    ("s3", "stored", 14, {"store"}),
    ("smtp", "stored", 14, {"mail"}),
    ("vault", "stored", 14, {"keys"}),
    ("postgres", "mailed", 1, AT_THE_DATABASE | {"mail"}),
]


@pytest.mark.parametrize(("name", "kind", "after", "away"), KILLED, ids=[f"{case[0]}-{case[1]}" for case in KILLED])
def test_a_server_killed_in_the_middle_and_brought_back_leaves_no_trace_in_the_summary(
    place, lead, run, tmp_path, trouble, monkeypatch, local_summary, name, kind, after, away
):
    lead()
    if name == "vault":  # unwrapped keys are held for a minute: a vault that is away for less is not missed
        monkeypatch.setattr("aegis_core.crypto.keyring.CACHE_LIFETIME", 0.02)
    trouble.kills(place.servers[name], after=after, kind=kind)
    ended = run()
    assert (ended.code, ended.err) == (0, "")
    assert set(trouble.waits) <= away
    assert trouble.waits
    assert list(differences(local_summary, ended.out)) == []
    trouble.over()
    kept(tmp_path / "home", trouble.promises)
    assert len(set(addresses(place))) == len(addresses(place)) == 9


def test_mail_killed_between_two_letters_sends_none_twice_and_counts_what_nobody_knows(
    place, lead, run, tmp_path, trouble, local_summary
):
    lead()
    trouble.kills(place.servers["smtp"], kind="mailed", after=1)
    ended = run()
    assert (ended.code, ended.err) == (0, "")
    trouble.over()
    words = [
        event.data["status"] for event in kept(tmp_path / "home", trouble.promises) if event.action == "message.sent"
    ]
    assert len(words) == 10
    uncertain = words.count("uncertain")
    assert words.count("accepted") == 9 - uncertain
    assert f"; {uncertain} uncertain in all" in ended.out
    assert 9 - uncertain <= len(addresses(place)) == len(set(addresses(place)))


def test_a_server_that_stays_away_ends_the_morning_with_try_again_and_a_later_one_goes_on(
    place, lead, run, tmp_path, trouble, monkeypatch, local_summary
):
    lead()
    monkeypatch.setattr(waiting, "LONGEST_WAIT", 0.3)
    trouble.comes_back = False
    trouble.kills(place.servers["s3"], after=14)
    ended = run()
    assert ended.code == 75
    assert ended.err.startswith("clinic: unavailable: ")
    trouble.running = None
    at_start = run()
    assert at_start.code == 75, "down at the start, too"
    place.servers["s3"].start()
    promised = len([each for each in trouble.promises if each["kind"] == "stored"])
    ended = run()
    assert ended.code == 0
    filed, before = (
        int(field.text.split()[0]) for field in fields(ended.out) if "filed" in field.text and field.section == "done"
    )
    assert filed + before == 44
    assert before >= promised >= 14
    kept(tmp_path / "home", trouble.promises)
    assert len(addresses(place)) == 9


@pytest.mark.parametrize("name", ["postgres", "s3", "smtp", "vault"])
def test_a_server_that_is_down_at_the_start_is_named_within_seconds(place, lead, run, tmp_path, local_summary, name):
    lead()
    place.servers[name].kill()
    begun = time.monotonic()
    ended = run()
    assert time.monotonic() - begun < 15
    assert ended.code == 75
    (line,) = ended.err.splitlines()
    assert line.startswith("clinic: unavailable: ")
    place.servers[name].start()
    ended = run()
    assert ended.code == 0
    assert list(differences(local_summary, ended.out)) == []


class Losing:
    """A mail server that takes every letter, and hangs up on one of them before it has said so."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):
        self.taken.append(envelope.rcpt_tos[0])
        if len(self.taken) == 4:
            server.transport.abort()
        return "250 2.0.0 OK"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_letter_whose_answer_was_lost_is_uncertain_and_never_sent_again_by_itself(run, monkeypatch):
    server = Losing()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("AEGIS_EMAIL", f"smtp://127.0.0.1:{port}")
    try:
        for _ in range(2):
            ended = run()
            assert (ended.code, ended.err) == (0, "")
            assert "10 letters (8 accepted, 1 uncertain, 1 unreachable); 1 uncertain in all" in ended.out
    finally:
        controller.stop()
    assert len(server.taken) == len(set(server.taken)) == 9


def test_a_database_that_takes_connections_and_answers_nothing_is_waited_for(
    place, lead, run, tmp_path, trouble, monkeypatch, local_summary
):
    database = place.servers["postgres"]
    trail, subjects = place.environ["AEGIS_AUDIT"], place.environ["AEGIS_SUBJECT_KEYS"]
    lead(AEGIS_AUDIT=f"{trail}?timeout=1", AEGIS_SUBJECT_KEYS=f"{subjects}&timeout=1")
    # It stands still where it would be killed, and goes on once the clinic says that it waits.
    stands_still = SimpleNamespace(is_running=True, kill=None, start=None)

    def pause():
        database.pause()
        stands_still.is_running = False

    stands_still.kill, stands_still.start = pause, database.resume
    trouble.kills(stands_still, after=14)
    ended = run()
    trouble.over()
    assert (ended.code, ended.err) == (0, "")
    assert set(trouble.waits) <= AT_THE_DATABASE
    assert trouble.waits
    assert list(differences(local_summary, ended.out)) == []
    kept(tmp_path / "home", trouble.promises)
