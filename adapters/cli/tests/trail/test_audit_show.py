"""``aegis audit show``: marks stand for values; what is revealed is on record before the first line."""

import io

import pytest

from aegis_cli.audit.select import positions
from aegis_core import AegisError, Principal, Purpose, acting

from .conftest import DOCTOR, REVEAL, ReportFiled


def test_the_newest_twenty_are_shown_as_a_table(clinic, aegis):
    ended = aegis("audit", "show")
    assert ended.exit == 0
    lines = ended.out.splitlines()
    assert len(lines) == 21
    assert lines[0].split()[:4] == ["index", "time", "action", "outcome"]
    assert lines[-1].split()[0] == str(clinic.entries - 1)
    assert "patient=[phi.name]" in lines[1]


def test_json_lines_have_every_member_that_is_not_sealed(clinic, aegis):
    (entry,) = aegis("audit", "show", "77", "--json").records
    assert entry["index"] == 77
    assert entry["data"] == {"report": "r77"}
    assert entry["sealed"]["patient"]["class"] == "phi.name"
    assert entry["who"] == "dr-malee"
    assert entry["purpose"] == "TREAT"
    assert entry["roles"] == ["clinician"]
    assert entry["subject"]["token"]


def test_nothing_is_opened_without_reveal(clinic, aegis):
    for arguments in ([], [":"], [":", "--json"], ["--action", "storage.*"], ["--json", "-1"]):
        ended = aegis("audit", "show", *arguments)
        assert ended.exit == 0
        clinic.patient.assert_absent(ended.out, ended.err)


def test_one_person_is_one_pseudonym(clinic, aegis):
    tokens = {entry["subject"]["token"] for entry in aegis("audit", "show", "0:100", "--json").records}
    assert len(tokens) == 1


def test_revealed_it_shows_values_and_the_trail_has_it_first(clinic, aegis, recorded):
    (entry,) = aegis("audit", "show", "77", "--json", *REVEAL).records
    assert entry["sealed"]["patient"]["value"] == clinic.name
    assert entry["subject"]["value"] == clinic.patient.patient["mrn"]
    assert clinic.name in aegis("audit", "show", "77", *REVEAL).out
    assert recorded("cli.revealed") == [("cli.revealed", "success", "dpo", "PATRQT")] * 2


def test_where_the_trail_does_not_take_the_event_nothing_is_shown(clinic, aegis, monkeypatch):
    from aegis_core import AuditTrail, ErrorCode

    async def broken(self, event, /, **_):
        raise AegisError(ErrorCode.UNAVAILABLE, "the primary is away")

    monkeypatch.setattr(AuditTrail, "record", broken)
    ended = aegis("audit", "show", "77", *REVEAL)
    assert ended.exit == 75
    assert ended.out == ""


@pytest.mark.parametrize("left_out", ["--purpose", "--as", "--reason"])
def test_half_a_request_is_refused(clinic, aegis, left_out):
    said = list(REVEAL)
    at = said.index(left_out)
    del said[at : at + 2]
    ended = aegis("audit", "show", *said)
    assert ended.exit == 2
    assert left_out in ended.err
    assert ended.out == ""


def test_what_a_shredded_person_had_says_so(clinic, aegis, application):
    from aegis_core import PHI, Classified

    async def shred(opened):
        await opened.keys.shred(Classified(clinic.patient.patient["mrn"], PHI.MRN), reason="asked")

    application(shred)
    (entry,) = aegis("audit", "show", "77", "--json", *REVEAL).records
    assert entry["sealed"]["patient"] == {
        "class": "phi.name",
        "key": entry["sealed"]["patient"]["key"],
        "shredded": True,
    }
    assert entry["subject"]["shredded"] is True
    assert "patient=[shredded]" in aegis("audit", "show", "77", *REVEAL).out


def test_who_did_what_on_one_persons_record(clinic, aegis, application, recorded, monkeypatch, tmp_path):
    async def others(opened):
        with acting(DOCTOR, purpose=Purpose.TREATMENT, subject="HN-OTHER"):
            await opened.audit.record(ReportFiled("other", "Somebody Else"))

    application(others)
    (tmp_path / "id").write_text(clinic.patient.patient["mrn"] + "\n")
    found = aegis("audit", "show", "--about", "id", "--json", *REVEAL).records
    assert [entry["index"] for entry in found] == list(range(303))  # of all entries, not of the newest twenty
    assert {entry["subject"]["value"] for entry in found} == {clinic.patient.patient["mrn"]}
    monkeypatch.setattr("sys.stdin", io.StringIO(clinic.patient.patient["mrn"] + "\n"))
    # The looking is about that person, too.
    found = aegis("audit", "show", "-3:", "--about", "-", "--json", *REVEAL).records
    assert [entry["action"] for entry in found] == ["cli.revealed"]
    assert recorded("cli.revealed")[0] == ("cli.revealed", "success", "dpo", "PATRQT")


def test_of_a_tenant_it_is_that_tenants_person(aegis, application, tmp_path):
    async def both(opened):
        for tenant in (None, "clinic-b"):
            with acting(DOCTOR, purpose=Purpose.TREATMENT, subject="HN-1", tenant=tenant):
                await opened.audit.record(ReportFiled(str(tenant), "x"))

    application(both)
    (tmp_path / "id").write_text("HN-1")
    found = aegis("audit", "show", "--about", "id", "--tenant", "clinic-b", "--json", *REVEAL).records
    assert [entry["tenant"] for entry in found] == ["clinic-b"]


def test_about_whom_an_entry_is_needs_reveal_and_an_id(clinic, aegis, recorded, tmp_path):
    (tmp_path / "id").write_text(clinic.patient.patient["mrn"])
    (tmp_path / "empty").write_text("\n")
    assert aegis("audit", "show", "--about", "id").exit == 2
    assert aegis("audit", "show", "--about", "empty", *REVEAL).exit == 2
    ended = aegis("audit", "show", "--about", clinic.patient.patient["mrn"], *REVEAL)  # an id, not a file
    assert ended.exit == 2
    clinic.patient.assert_absent(ended.out, ended.err)
    assert recorded("cli.revealed") == []


def test_actions_are_filtered_and_an_event_is_found_by_its_id(clinic, aegis):
    stored = aegis("audit", "show", ":", "--action", "storage.*", "--json").records
    assert [entry["index"] for entry in stored] == [300, 301, 302, 303]
    assert aegis("audit", "show", ":", "--action", "report", "--json").out == ""
    (one,) = aegis("audit", "show", "--event-id", stored[1]["id"], "--json").records
    assert one["index"] == 301


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["999"], 1),
        (["-999"], 1),
        (["x"], 2),
        (["1:2:3"], 2),
        ([""], 2),
        (["--event-id", "no-uuid"], 2),
        (["--event-id", "00000000-0000-7000-8000-000000000000"], 1),
    ],
)
def test_what_is_not_there_or_not_meant_is_told(clinic, aegis, arguments, code):
    ended = aegis("audit", "show", *arguments)
    assert ended.exit == code
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7", (7, 8)),
        ("-1", (9, 10)),
        ("2:4", (2, 4)),
        ("8:", (8, 10)),
        (":3", (0, 3)),
        ("-20:", (0, 10)),
        ("-3:-1", (7, 9)),
        (":", (0, 10)),
        ("5:2", (5, 5)),
        ("3:99", (3, 10)),
    ],
)
def test_ranges_are_half_open_and_cut_to_the_trail(text, found):
    assert positions(text, 10) == found


def test_text_from_elsewhere_does_not_drive_the_terminal(aegis, application):
    async def hostile(opened):
        with acting(Principal("\x1b[2Jmallory\u202e", "x"), purpose=Purpose.TREATMENT):
            await opened.audit.record(ReportFiled("\x1b]0;owned\x07", "x"))

    application(hostile)
    out = aegis("audit", "show").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\u202e" not in out
    assert "\\x1b[2Jmallory" in out
