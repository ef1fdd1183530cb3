"""The trail in the admin: to look at, for who may, with nothing that is classified, and nothing written."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clinic.events import Admitted, Discharged
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aegis_core import Principal, Purpose, acting
from aegis_core.audit import TlogProof, VerifierKey, encode_entry
from aegis_django import aegis, paging

LIST = "/admin/aegis_django/trailentry/"


@pytest.fixture
def auditor():
    user = User.objects.create_user("auditor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_trailentry"))
    client = Client()
    client.force_login(user)
    return client


def record(*events, who="dr-malee", subject="HN-690001"):
    with acting(Principal(who, verified_by="test"), purpose=Purpose.TREATMENT, subject=subject):
        return [aegis.audit.record(event) for event in events]


def shown(answer):
    """The indexes on a page of the list."""
    return [int(index) for index in re.findall(r'trailentry/(\d+)/">\d+</a></th>', answer.content.decode())]


def of_the_trail():
    """Every byte of it."""
    return {path: path.read_bytes() for path in sorted(Path(".aegis/audit").rglob("*")) if path.is_file()}


def test_the_admin_leads_there_for_who_may(auditor):
    page = auditor.get("/admin/").content.decode()
    assert reverse("admin:aegis_django_trailentry_changelist") == LIST
    assert LIST in page
    assert "trailentry/add" not in page


@pytest.mark.parametrize("path", [LIST, f"{LIST}0/"])
def test_who_may_not_sees_nothing(path):
    record(Admitted())
    staff = Client()
    staff.force_login(User.objects.create_user("clerk", is_staff=True))
    assert staff.get(path).status_code == 403
    assert staff.post(f"{LIST}verify/").status_code == 403
    assert Client().get(path).status_code == 302
    assert Client().post(f"{LIST}verify/").status_code == 302


def test_the_newest_come_first_and_older_ones_a_page_at_a_time(auditor):
    record(*(Admitted() for _ in range(paging.ROWS * 2 + 7)))
    first = auditor.get(LIST)
    assert shown(first) == list(range(106, 56, -1))
    (more,) = re.findall(r'href="(\?before=\d+)">Older', first.content.decode())
    second = auditor.get(LIST + more)
    assert shown(second) == list(range(56, 6, -1))
    third = auditor.get(LIST + "?before=7")
    assert shown(third) == list(range(6, -1, -1))
    assert "Older" not in third.content.decode()
    assert shown(auditor.get(LIST + "?before=9999")) == shown(first)


def test_it_is_filtered_by_action_account_and_time(auditor):
    record(Admitted(), Discharged())
    record(Admitted(), who="dr-somsak")
    assert shown(auditor.get(LIST, {"action": "patient.admitted"})) == [2, 0]
    assert shown(auditor.get(LIST, {"who": "dr-malee"})) == [1, 0]
    assert shown(auditor.get(LIST, {"who": "dr-malee", "action": "patient.discharged"})) == [1]
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    assert shown(auditor.get(LIST, {"since": soon})) == []
    assert shown(auditor.get(LIST, {"since": ago, "until": soon})) == [2, 1, 0]
    assert shown(auditor.get(LIST, {"until": ago})) == []
    with override_settings(USE_TZ=False):
        assert shown(auditor.get(LIST, {"since": ago, "until": soon})) == [2, 1, 0]
    wrong = auditor.get(LIST, {"since": "yesterday"})
    assert "Enter a valid date/time" in wrong.content.decode()


def test_a_filter_that_finds_nothing_reads_no_more_than_said_and_goes_on_where_it_stopped(auditor, monkeypatch):
    monkeypatch.setattr(paging, "MOST", 60)
    record(Discharged(), *(Admitted() for _ in range(99)))
    first = auditor.get(LIST, {"action": "patient.discharged"})
    assert shown(first) == []
    assert "looked at from entry 40 on" in first.content.decode()
    (more,) = re.findall(r'href="(\?[^"]+)">Older', first.content.decode())
    assert shown(auditor.get(LIST + more.replace("&amp;", "&"))) == [0]


def test_no_page_shows_what_is_classified(auditor, phi_canary):
    sent = phi_canary.patient
    record(Admitted(name=sent["name"]), subject=sent["mrn"])
    aegis.audit.checkpoint()
    pages = [auditor.get(LIST), auditor.get(f"{LIST}0/"), auditor.post(f"{LIST}verify/")]
    assert [page.status_code for page in pages] == [200, 200, 200]
    entry = pages[1].content.decode()
    assert "[phi.name]" in entry
    assert "[phi.mrn]" in entry
    assert "4B" in entry
    phi_canary.assert_absent(*(page.content for page in pages))


def test_an_entrys_page_has_a_proof_that_others_can_check(auditor):
    record(Admitted(), Discharged())
    aegis.audit.checkpoint()
    page = auditor.get(f"{LIST}1/").content.decode()
    assert "signed log of 2 entries was checked" in page
    (text,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    import html

    proof = TlogProof.decode(html.unescape(text))
    (entry,) = aegis.audit.stored(1, 2)
    proof.verify(encode_entry(entry), keys=[VerifierKey.decode(key) for key in aegis.audit.verifier_keys()])
    assert auditor.get(f"{LIST}2/").status_code == 404


def test_a_page_costs_the_same_queries_however_many_entries_it_shows(auditor):
    counts = []
    for more in (1, 30):
        record(*(Admitted() for _ in range(more)))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            auditor.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4  # session, user, and permissions twice


def test_looking_writes_nothing(auditor):
    record(Admitted(), Discharged())
    aegis.audit.checkpoint()
    before = of_the_trail()
    assert before
    with CaptureQueriesContext(connection) as queries:
        for path in (LIST, f"{LIST}0/", f"{LIST}1/"):
            assert auditor.get(path).status_code == 200
        auditor.post(f"{LIST}verify/")
    assert of_the_trail() == before
    assert not [one["sql"] for one in queries if not one["sql"].startswith("SELECT")]
    for path in (LIST, f"{LIST}0/"):
        assert auditor.post(path, {"action": "delete_selected"}).status_code == 405
    assert auditor.get(f"{LIST}verify/").status_code == 405
    for path in ("add/", "0/delete/", "0/change/", "0/history/"):
        assert auditor.get(LIST + path).status_code == 404


def test_an_entry_without_a_checkpoint_says_so_and_makes_none(auditor, monkeypatch):
    record(Admitted())
    facts = aegis.audit.health().facts
    from aegis_core.blocking import AuditTrail
    from aegis_core.kernel import Health

    monkeypatch.setattr(AuditTrail, "health", lambda self: Health("up", facts={**facts, "checkpoint": 0}))
    monkeypatch.setattr(AuditTrail, "prove", lambda *_: pytest.fail("it would publish"))
    assert "No checkpoint covers it yet" in auditor.get(f"{LIST}0/").content.decode()


def test_a_verdict_says_whether_the_log_is_intact(auditor):
    record(*(Admitted() for _ in range(3)))
    aegis.audit.checkpoint()
    assert "3 entries: intact" in auditor.post(f"{LIST}verify/").content.decode()
    assert "3 entries: intact" not in auditor.get(LIST).content.decode()
    (journal,) = [
        path for path, held in of_the_trail().items() if b"patient.admitted" in held and "log" not in str(path)
    ]
    journal.write_bytes(journal.read_bytes().replace(b'"ward":"4B"', b'"ward":"5A"', 1))
    answer = auditor.post(f"{LIST}verify/")
    assert "NOT INTACT" in answer.content.decode()
    assert auditor.get(LIST).status_code in {200, 500}


def test_a_trail_that_cannot_be_read_is_told_without_ending_the_admin(auditor, monkeypatch):
    from aegis_core import AegisError, ErrorCode
    from aegis_core.blocking import AuditTrail

    def down(self):
        raise AegisError(ErrorCode.UNAVAILABLE, "the trail's database does not answer")

    monkeypatch.setattr(AuditTrail, "health", down)
    answer = auditor.get(LIST)
    assert answer.status_code == 503
    assert "unavailable: the trail&#x27;s database does not answer" in answer.content.decode()


def test_what_an_application_writes_into_an_entry_is_no_markup(auditor):
    record(Admitted(ward="<script>alert(1)</script>"), who="<b>dr</b>")
    aegis.audit.checkpoint()
    for path in (LIST, f"{LIST}0/"):
        page = auditor.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<b>dr</b>" not in page
