"""Copies of the trail by URL and by instance: what `Aegis` makes of them, and what closing says of them."""

from typing import ClassVar

import attrs
import pytest

from aegis_core.app import Aegis
from aegis_core.audit import copies
from aegis_core.audit.port import Entry
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.kernel.settings import Settings
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.testing.faults import Faults

pytestmark = pytest.mark.anyio


@attrs.frozen
class Started(AuditEvent):
    action: ClassVar[str] = "app.started"


@pytest.fixture
def faults():
    return Faults()


async def test_a_copy_is_named_by_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("AEGIS_AUDIT__OFFSITE", "file:offsite")
    monkeypatch.setenv("AEGIS_AUDIT__SECOND_SITE", "sqlite:second.db")
    async with Aegis(only=["audit"]).open() as aegis:
        await aegis.audit.record(Started())
        stood = await aegis.audit.catch_up()
        assert {name: (state.size, state.behind) for name, state in stood.items()} == {
            "offsite": (1, 0),
            "second_site": (1, 0),
        }
        assert (await aegis.audit.verify(copy="second_site")).intact
        health = await aegis.health()
        assert health["audit copy offsite"].facts["entries"] == 1
        assert health["audit"].facts["copy_offsite_behind"] == 0
    assert (tmp_path / "offsite/journal").is_dir()
    assert (aegis.closed.is_clean, aegis.closed.behind) == (True, {})


async def test_an_instance_wins_over_the_variable_of_its_name(monkeypatch, parts, tmp_path):
    monkeypatch.setenv("AEGIS_AUDIT__OFFSITE", "file:offsite")
    copy = MemoryAudit()
    async with parts.aegis(audit_copies={"offsite": copy}).open() as aegis:
        await aegis.audit.record(Started())
    assert await copy.size() == 1
    assert not (tmp_path / "offsite").exists()


async def test_closing_says_what_copies_lack_and_which_are_none(parts, faults, monkeypatch):
    monkeypatch.setattr(copies, "CLOSING", 0.05)
    faults.add("gone.open")
    faults.add("slow.append", kind="hang")
    foreign = MemoryAudit()
    await foreign.append([Entry(Started().event_id, b"of another trail")], expected_size=0)
    sinks = {
        "gone": faults.wrap(MemoryAudit(), "gone"),
        "slow": faults.wrap(MemoryAudit(), "slow"),
        "well": MemoryAudit(),
        "foreign": foreign,
    }
    aegis = parts.aegis(audit_copies=sinks)
    async with aegis.open():
        for _ in range(3):
            await aegis.audit.record(Started())
    report = aegis.closed
    assert report.behind == {"gone": -1, "slow": 4}  # the fourth says that one is no copy
    assert report.failed == {"audit copy foreign": "integrity"}
    assert report.late == ()
    assert b"aegis.closed" in b"".join(parts.log.lines)


async def test_an_application_opens_and_records_while_a_copy_is_down(parts, faults):
    faults.add("copy.open")
    aegis = parts.aegis(audit_copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    async with aegis.open():
        assert (await aegis.audit.record(Started())).index == 0
    assert aegis.closed.is_clean
    assert aegis.closed.behind == {"offsite": -1}


def test_blocking_code_has_copies_too(parts):
    copy = MemoryAudit()
    with parts.aegis(audit_copies={"offsite": copy}).blocking() as services:
        services.audit.record(Started())
        assert services.audit.catch_up()["offsite"].size == 1
        assert services.audit.verify(copy="offsite").intact
        assert services.audit.copies()["offsite"].behind == 0


async def test_copies_without_the_trail_are_refused(parts):
    with pytest.raises(SettingsError, match="leaves out the part audit"):
        async with Aegis(only=["storage"], audit_copies={"offsite": MemoryAudit()}).open():
            raise AssertionError("not reached")


# Settings

DEVELOPMENT = {"AEGIS_ENV": "development"}


def problems(**variables):
    with pytest.raises(SettingsError) as caught:
        Settings.read(DEVELOPMENT | variables)
    return {problem.setting: str(problem) for problem in caught.value.problems}


def test_copies_are_read_by_name():
    settings = Settings.read(DEVELOPMENT | {"AEGIS_AUDIT__OFFSITE": "file:offsite"})
    assert settings.copies["offsite"].url.path == "offsite"
    assert settings.sources["AEGIS_AUDIT__OFFSITE"] == "environment"
    settings = Settings.read(DEVELOPMENT | {"AEGIS_AUDIT__OFFSITE": "no url"}, only=["storage"])
    assert settings.copies == {}


def test_a_copy_needs_a_place_of_its_own():
    found = problems(
        AEGIS_AUDIT="postgresql://audit:hunter2@db/aegis",
        AEGIS_AUDIT__OFFSITE="postgresql://other:hunter3@db/aegis",
        AEGIS_AUDIT__ONE="file:copy",
        AEGIS_AUDIT__TWO="file:copy",
    )
    assert list(found) == ["AEGIS_AUDIT__OFFSITE", "AEGIS_AUDIT__TWO"]
    assert "another place than AEGIS_AUDIT" in found["AEGIS_AUDIT__OFFSITE"]
    assert "another place than AEGIS_AUDIT__ONE" in found["AEGIS_AUDIT__TWO"]
    assert "hunter" not in str(found)
    assert "another place" in problems(AEGIS_AUDIT__OFFSITE="file:.aegis/audit")["AEGIS_AUDIT__OFFSITE"]


@pytest.mark.parametrize("name", ["", "offsite", "Ä", "TENANT_"])
def test_a_copy_has_a_name(name):
    assert "AEGIS_AUDIT__OFFSITE" in problems(**{f"AEGIS_AUDIT__{name}": "file:x"})[f"AEGIS_AUDIT__{name}"]


def test_a_copy_is_of_no_tenant():
    assert "whole trail" in problems(AEGIS_AUDIT__TENANT_EU="file:x")["AEGIS_AUDIT__TENANT_EU"]


def test_a_mistyped_variable_of_a_copy_is_told_with_what_may_be_meant():
    assert "AEGIS_AUDIT?" in problems(AEGIS_AUDT__OFFSITE="file:x")["AEGIS_AUDT__OFFSITE"]


async def test_a_mistyped_scheme_of_a_copy_is_told_with_what_may_be_meant(monkeypatch):
    monkeypatch.setenv("AEGIS_AUDIT__OFFSITE", "sqlit:x")
    with pytest.raises(SettingsError, match=r"AEGIS_AUDIT__OFFSITE.*sqlite"):
        async with Aegis(only=["audit"]).open():
            raise AssertionError("not reached")


def test_production_refuses_a_copy_in_memory():
    with pytest.raises(SettingsError) as caught:
        Settings.read({"AEGIS_ENV": "production", "AEGIS_AUDIT__OFFSITE": "memory:"})
    assert "AEGIS_AUDIT__OFFSITE" in {problem.setting for problem in caught.value.problems}
