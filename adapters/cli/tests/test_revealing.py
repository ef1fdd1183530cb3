"""Nothing is revealed by half a request, without a trail, or before it is on record: who, why, and for what."""

import pytest
from cyclopts import App

from aegis_cli import main
from aegis_cli.exits import Exit
from aegis_cli.opened import opened
from aegis_cli.output import AsJson, Output
from aegis_cli.revealing import Revealing
from aegis_core import Aegis, AegisError, ErrorCode, Purpose, Settings

NAME = "Somchai Jaidee"
WHOLE = ["--reveal", "--purpose", "TREAT", "--as", "dr.niran", "--reason", f"{NAME} asked for a copy"]

app = App(name="peek")


@app.default
async def peek(*, revealing: Revealing | None = None, as_json: AsJson = False) -> Exit:
    """Shows one name, if it may."""
    asked = revealing or Revealing()
    asked.check()
    out = Output(as_json=as_json)
    async with opened("audit", create=True) as aegis, asked.granted(aegis, "peek") as may_reveal:
        out.answer({"name": NAME if may_reveal else "[phi.name]"}, NAME if may_reveal else "[phi.name]")
    return Exit.OK


@pytest.fixture(autouse=True)
def _peek(monkeypatch):
    monkeypatch.setitem(main.COMMANDS, "peek", (f"{__name__}:app", "Peek."))
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("types").SimpleNamespace(app=app))


@pytest.fixture
def recorded(application):
    def events():
        found = []

        async def read(aegis):
            found.extend([event async for event in aegis.audit.entries()])

        application(read)
        return found

    return events


def test_unasked_nothing_is_shown_and_nothing_recorded(aegis, recorded):
    ended = aegis("peek")
    assert (ended.exit, ended.out) == (0, "[phi.name]\n")
    assert recorded() == []


@pytest.mark.parametrize("left_out", ["--purpose", "--as", "--reason"])
def test_half_a_request_is_usage_names_what_is_missing_and_opens_nothing(left_out, aegis, tmp_path):
    at = WHOLE.index(left_out)
    ended = aegis("peek", *WHOLE[:at], *WHOLE[at + 2 :])
    assert ended.exit == Exit.USAGE
    assert left_out in ended.err
    assert NAME not in ended.out + ended.err
    assert list(tmp_path.iterdir()) == []


def test_empty_words_are_none(aegis):
    ended = aegis("peek", "--reveal", "--purpose", "TREAT", "--as", " ", "--reason", "")
    assert ended.exit == Exit.USAGE
    assert "--as, --reason" in ended.err


def test_reasons_without_reveal_are_usage(aegis):
    ended = aegis("peek", *WHOLE[1:])
    assert ended.exit == Exit.USAGE
    assert "--reveal" in ended.err


def test_a_purpose_is_a_code_or_its_name_and_a_wrong_one_is_not_repeated(aegis):
    assert aegis("peek", *WHOLE).exit == 0
    for said in ("emergency", "care-management", "hoperat"):
        assert aegis("peek", "--reveal", "--purpose", said, "--as", "a", "--reason", "b").exit == 0
    ended = aegis("peek", "--reveal", "--purpose", NAME, "--as", "a", "--reason", "b")
    assert ended.exit == Exit.USAGE
    assert "TREAT" in ended.err
    assert NAME not in ended.err


def test_what_is_revealed_is_on_record_with_who_and_why_and_the_reason_is_sealed(aegis, recorded, tmp_path):
    ended = aegis("peek", *WHOLE)
    assert (ended.exit, ended.out) == (0, f"{NAME}\n")
    (event,) = recorded()
    assert (event.action, event.who, event.purpose, event.data["command"]) == (
        "cli.revealed",
        "dr.niran",
        "TREAT",
        "peek",
    )
    assert "system user" in event.verified_by
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert NAME.encode() not in written


def test_a_trail_that_takes_nothing_shows_nothing(aegis, monkeypatch):
    async def refuses(self, event, /, *, within=None):
        raise AegisError(ErrorCode.UNAVAILABLE, "the trail is down")

    monkeypatch.setattr("aegis_core.audit.trail.AuditTrail.record", refuses)
    ended = aegis("peek", *WHOLE)
    assert ended.exit == Exit.TRY_AGAIN
    assert ended.out == ""


@pytest.mark.anyio
async def test_without_a_trail_it_is_refused(tmp_path):
    settings = {"AEGIS_ENV": "test", "AEGIS_KEYS": "memory:", "AEGIS_STATE": "memory:", "AEGIS_SUBJECT_KEYS": "memory:"}
    asked = Revealing(reveal=True, purpose=Purpose.TREATMENT, principal="a", reason="b")
    async with Aegis(Settings.read(settings, only=("keys",)), only=("keys",)).open() as aegis:
        with pytest.raises(AegisError) as caught:
            async with asked.granted(aegis, "peek"):
                raise AssertionError
    assert caught.value.code is ErrorCode.UNAVAILABLE
