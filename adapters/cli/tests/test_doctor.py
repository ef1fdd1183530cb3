"""Doctor on this machine's own adapters: what it says, how it ends, that it makes nothing and repeats no secret."""

import logging
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from aegis_cli.doctor import canary, examine, places
from aegis_cli.doctor.model import Row
from aegis_cli.exits import Exit
from aegis_cli.opened import opened
from aegis_core import AegisError, Canary, ErrorCode, KeyPurpose
from aegis_core.kernel import FileSystem, Health

from .conftest import tree

SECRET = "hunter2-hunter2"


async def a_morning(aegis):
    await aegis.storage.upload("lab/r1.pdf", b"report")
    await aegis.audit.checkpoint()


def test_where_nothing_is_yet_it_says_so_and_makes_nothing(aegis, tmp_path):
    ended = aegis("doctor", "--json")
    assert ended.exit == 0
    assert list(tmp_path.iterdir()) == []
    rows = {row["name"]: row["state"] for row in ended.document["rows"]}
    assert rows == {
        "log": "ok",
        "storage": "missing",
        "audit": "missing",
        "state": "missing",
        "subject_keys": "missing",
        "keys": "missing",
        "email": "missing",
        "trail": "skipped",
        "keyring": "skipped",
        "deliveries": "skipped",
        "privacy": "ok",
    }


def test_looking_leaves_logging_as_it_was(aegis, caplog):
    aegis("doctor", "--json")
    assert "handle" not in vars(caplog.handler)
    assert not logging.getLogger("aegis_cli.canary").handlers


def test_in_production_what_is_missing_fails(aegis, tmp_path, monkeypatch):
    production(monkeypatch, tmp_path / "mistyped")
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.FAILED
    assert ended.row("audit")["state"] == "missing"
    assert not (tmp_path / "mistyped").exists()


def production(monkeypatch, folder):
    monkeypatch.setenv("AEGIS_ENV", "production")
    monkeypatch.setenv("AEGIS_ORIGIN", "clinic.example/audit")
    monkeypatch.setenv("AEGIS_SECRET_VAULT", SECRET)
    for port, url in {
        "STORAGE": f"file:{folder}/store",
        "AUDIT": f"file:{folder}/trail",
        "SUBJECT_KEYS": f"sqlite:{folder}/subjects.db",
        "KEYS": f"file:{folder}/keys?passphrase=vault",
        "EMAIL": f"eml:{folder}/mail",
    }.items():
        monkeypatch.setenv(f"AEGIS_{port}", url)


def test_in_production_everything_is_ok_and_looking_changes_no_byte(aegis, application, tmp_path, monkeypatch):
    production(monkeypatch, tmp_path)
    application(a_morning)
    before = tree(tmp_path)
    ended = aegis("doctor", "--json")
    assert tree(tmp_path) == before
    assert ended.exit == 0, ended.out
    assert {row["state"] for row in ended.document["rows"]} == {"ok", "note"}
    trail = ended.row("trail")["facts"]
    assert (trail["next"], trail["checkpoint"], trail["verified"]) == (1, 1, True)
    assert 0 <= trail["checkpoint_age_s"] < 60
    assert trail["origin"] == "clinic.example/audit"
    keyring = ended.row("keyring")["facts"]
    assert keyring["active_age_days"] == 0
    assert ended.document["secrets"] == {"vault": "environment"}
    assert "protects" in ended.row("keys")["detail"]
    assert SECRET not in ended.out + ended.err


def test_people_read_what_machines_read(aegis, application):
    application(a_morning)
    ended = aegis("doctor")
    assert ended.exit == 0
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "11 read (10 defaults, 1 environment) for development" in lines["settings"]
    assert "file:.aegis/storage" in lines["storage"]
    assert "create match" in lines["storage"]
    assert "next 1 · checkpoint" in lines["trail"]
    assert "verified" in lines["trail"]
    assert "active k" in lines["keyring"]
    assert "0 uncertain" in lines["deliveries"]
    assert "canary masked by 11 of 11 sinks" in lines["privacy"]
    assert all(line == line.rstrip() for line in ended.out.splitlines())


def test_verbose_lists_every_setting_with_its_source_and_every_adapter(aegis, monkeypatch):
    monkeypatch.setenv("AEGIS_KEYS", "file:.aegis/keys?passphrase=vault")
    monkeypatch.setenv("AEGIS_SECRET_VAULT", SECRET)
    out = aegis("doctor", "--verbose").out
    assert "AEGIS_LOG_LEVEL" in out
    assert "secret vault from environment" in out
    assert "file memory" in out
    assert SECRET not in out


def test_a_secret_that_lies_in_a_file_says_which_file(aegis, monkeypatch):
    monkeypatch.setattr(
        "aegis_core.survey.secrets_from", lambda environ, **folder: lambda name: None if folder else "x"
    )
    monkeypatch.setenv("AEGIS_KEYS", "file:.aegis/keys?passphrase=vault_pass")
    assert "secret vault_pass from /run/secrets/vault_pass" in aegis("doctor").out


def test_wrong_settings_come_all_at_once_with_what_was_meant_and_no_value(aegis, monkeypatch):
    monkeypatch.setenv("AEGIS_STORAGE", f"s4://user:{SECRET}@records")
    monkeypatch.setenv("AEGIS_LOG_LEVEL", SECRET)
    monkeypatch.setenv("AEGIS_STORAG", "memory:")
    ended = aegis("doctor")
    assert ended.exit == Exit.USAGE
    lines = ended.out.splitlines()
    assert lines[0] == "3 settings are wrong"
    assert "did you mean AEGIS_STORAGE?" in ended.out
    assert "did you mean s3?" in ended.out
    assert "must be one of debug, info, warning, error" in ended.out
    assert SECRET not in ended.out + ended.err
    as_json = aegis("doctor", "--json")
    assert as_json.exit == Exit.USAGE
    assert [problem["setting"] for problem in as_json.document["problems"]] == [
        "AEGIS_STORAG",
        "AEGIS_STORAGE",
        "AEGIS_LOG_LEVEL",
    ]


def test_further_stores_and_copies_are_looked_at_each(aegis, monkeypatch, tmp_path):
    for name in ("AEGIS_STORAGE__IMAGES", "AEGIS_STORAGE__TENANT_EU", "AEGIS_AUDIT__OFFSITE"):
        monkeypatch.setenv(name, f"file:{tmp_path}/{name.lower()}")
    ended = aegis("doctor", "--json")
    for name in ("storage images", "storage tenant EU", "audit copy offsite"):
        assert ended.row(name)["state"] == "missing"


def test_a_trail_that_was_changed_is_integrity(aegis, application, tmp_path):
    application(a_morning)
    (segment,) = tmp_path.glob(".aegis/audit/journal/*.segment")
    segment.unlink()
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.INTEGRITY
    assert ended.row("trail")["state"] == "damaged"
    assert "were signed" in ended.row("trail")["detail"]


def test_a_damaged_keyring_is_integrity(aegis, application, tmp_path):
    application(a_morning)
    (tmp_path / ".aegis/audit/keyring/_").write_text("{}")
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.INTEGRITY
    assert ended.row("keyring")["state"] == "damaged"


def test_keys_of_another_folder_do_not_open_the_keyring(aegis, application, tmp_path, monkeypatch):
    application(a_morning)
    monkeypatch.setenv("AEGIS_KEYS", f"file:{tmp_path}/other")
    monkeypatch.setenv("AEGIS_AUDIT", f"file:{tmp_path}/other-audit")
    application()
    monkeypatch.delenv("AEGIS_AUDIT")
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.INTEGRITY
    assert ended.row("trail")["state"] == "damaged"


def test_a_folder_that_may_not_be_read_says_so(aegis, application, tmp_path):
    application(a_morning)
    (tmp_path / ".aegis/keys").chmod(0o755)
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.FAILED
    assert ended.row("keys")["state"] == "failed"
    assert ended.row("trail")["state"] == "skipped"


def test_a_database_of_somebody_else_stays_as_it_is(aegis, monkeypatch, tmp_path):
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute("CREATE TABLE patients (id)")
    database.close()
    before = tree(tmp_path)
    monkeypatch.setenv("AEGIS_AUDIT", f"sqlite:{tmp_path}/crm.db")
    assert aegis("doctor", "--json").row("audit")["state"] == "missing"
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("name", "kind", "said"), [("overlay", "overlay", "container"), ("nfs4", "network", "hosts")])
def test_a_file_system_that_keeps_nothing_is_told(aegis, application, monkeypatch, name, kind, said):
    application(a_morning)
    for module in ("aegis_core.kernel.files", "aegis_cli.doctor.places"):
        monkeypatch.setattr(f"{module}.filesystem_of", lambda path, **_: FileSystem(name, kind))
    ended = aegis("doctor", "--json")
    audit = ended.row("audit")
    assert (audit["state"], audit["facts"]["file_system"]) == ("degraded", name)
    assert said in audit["detail"]
    assert ended.exit == 0  # in development


def test_rotated_keys_and_uncertain_deliveries_are_counted(aegis, application, monkeypatch):
    async def work(opened):
        await a_morning(opened)
        await opened.keys.rotate(KeyPurpose.WRAP)
        for number in range(3):
            body = b'{"v":1,"digest":"","template":"t","channel":"email","queued_at":0,"status":"uncertain"}'
            await opened.keys.state.put(f"deliveries/done/{number:032x}", body, expected=None)

    application(work)
    ended = aegis("doctor", "--json")
    assert len(ended.row("keyring")["facts"]["decrypt_only"]) == 1
    deliveries = ended.row("deliveries")
    assert (deliveries["state"], deliveries["facts"]["uncertain"]) == ("note", 3)
    assert "never resent" in deliveries["detail"]
    assert "decrypt-only k" in aegis("doctor").out


def test_entries_that_nobody_publishes_are_told(aegis, application, monkeypatch, tmp_path):
    application(a_morning)
    before = {file: file.read_bytes() for file in (tmp_path / ".aegis/audit/log").rglob("*") if file.is_file()}
    application(a_morning_more)
    for file, octets in before.items():
        file.write_bytes(octets)
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("aegis_cli.doctor.contents.now", lambda: later)
    ended = aegis("doctor", "--json")
    assert ended.row("trail")["state"] == "degraded"
    assert "not covered by a checkpoint" in ended.row("trail")["detail"]


async def a_morning_more(aegis):
    await aegis.storage.upload("lab/r2.pdf", b"report")


def test_a_part_that_hangs_keeps_nobody_waiting_and_the_program_ends():
    async def hangs():
        threading.Event().wait()  # as a driver may in the system's own resolver: for ever, and beyond cancelling
        raise AssertionError

    async def answers():
        return Row("quick", "ok")

    late = {name: places.late(name, 0.2) for name in ("slow", "quick")}
    rows = examine._at_once({"slow": hangs, "quick": answers}, 0.2, lambda done, total: None, late)
    assert rows["quick"].state == "ok"
    assert rows["slow"].state == "down"
    assert "no answer within 0.2 s" in rows["slow"].detail


def test_an_adapter_that_breaks_its_word_spoils_its_own_row(monkeypatch, aegis):
    async def breaks(place):
        raise ValueError(SECRET)

    monkeypatch.setattr("aegis_cli.doctor.examine.look_at_place", breaks)
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.FAILED
    assert ended.row("storage")["state"] == "failed"
    assert "ValueError" in ended.row("storage")["detail"]
    assert ended.row("privacy")["state"] == "ok"
    assert SECRET not in ended.out + ended.err


def test_a_vault_that_unwraps_another_key_is_integrity(application, aegis, monkeypatch):
    from aegis_core.local.filesystem.keys import FileVault

    application(a_morning)

    async def other(self, wrapped, /, *, context):
        return bytes(32)

    monkeypatch.setattr(FileVault, "unwrap", other)
    assert aegis("doctor", "--json").row("keys")["state"] == "damaged"


@pytest.mark.anyio
@pytest.mark.parametrize("sink", ["log", "audit", "storage", "state", "structlog", "standard logging", "repr"])
async def test_a_sink_that_leaks_is_found(sink, monkeypatch):
    """Planted: each sink alone shows what it was handed."""
    if sink == "log":
        monkeypatch.setattr("aegis_cli.doctor.canary._log", leaking(lambda aegis, lines, patient: patient.canary_name))
    elif sink in {"structlog", "standard logging"}:
        name = {"structlog": "_structlog", "standard logging": "_standard_logging"}[sink]
        monkeypatch.setattr(f"aegis_cli.doctor.canary.{name}", leaking(lambda patient: patient.canary_mrn))
    elif sink == "repr":
        monkeypatch.setattr(canary._Patient, "__repr__", lambda self: f"Patient({self.canary_name})")
    else:
        name = {"audit": "_entries", "storage": "_objects", "state": "_documents"}[sink]
        real = getattr(canary, name)

        async def seen(place):
            return await real(place) + FOUND[0].encode()

        monkeypatch.setattr(f"aegis_cli.doctor.canary.{name}", seen)
        monkeypatch.setattr("aegis_cli.doctor.canary.Canary", Remembering)
    found = await canary.fly()
    assert [name for name, is_masked in found.items() if not is_masked] == [sink]


FOUND = []


class Remembering(Canary):
    def __init__(self, values):
        FOUND[:] = values
        super().__init__(values)


def leaking(of):
    async def sink(*given):
        return of(*given).encode()

    return sink


def test_a_leak_is_integrity_and_names_the_sink(aegis, monkeypatch):
    monkeypatch.setattr(canary._Patient, "__repr__", lambda self: f"Patient({self.canary_name})")
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.INTEGRITY
    assert "repr" in ended.row("privacy")["detail"]
    assert "CANARY" not in ended.out


def test_a_deadline_must_be_a_time(aegis):
    assert aegis("doctor", "--deadline", "0").exit == Exit.USAGE
    assert aegis("doctor", "--deadline", "601").exit == Exit.USAGE


def test_codes_become_states():
    for code, state in {
        ErrorCode.UNAVAILABLE: "down",
        ErrorCode.DEADLINE_EXCEEDED: "down",
        ErrorCode.NOT_FOUND: "missing",
        ErrorCode.INTEGRITY: "damaged",
        ErrorCode.PERMISSION_DENIED: "failed",
        ErrorCode.UNSUPPORTED: "failed",
    }.items():
        assert places.row_of_error("x", AegisError(code, "said")).state == state


@pytest.mark.parametrize(("seconds", "said"), [(3600.0, "3600 s ahead of"), (-90.0, "90 s behind"), (1.0, "")])
def test_a_clock_that_is_away_is_told(seconds, said, application, aegis, monkeypatch):
    from aegis_core.local.filesystem.audit import FileAudit

    application(a_morning)

    async def health(self):
        return Health("up", facts={"clock_ahead_s": seconds})

    monkeypatch.setattr(FileAudit, "health", health)
    row = aegis("doctor", "--json").row("audit")
    assert (row["state"] == "degraded") is bool(said)
    assert said in row["detail"]


@pytest.mark.anyio
async def test_a_command_that_opens_parts_begins_nothing_unless_it_says_so(tmp_path):
    with pytest.raises(AegisError) as caught:
        async with opened("audit", "storage"):
            raise AssertionError
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert list(tmp_path.iterdir()) == []
    async with opened("audit", create=True):
        assert (tmp_path / ".aegis" / "audit").is_dir()
