"""From settings and instances to adapters: every problem at once, no value shown, instances win."""

from typing import Annotated

import attrs
import pytest

from aegis_core.app import Aegis
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.settings import Settings
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.log import MemorySink
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.redaction import Redaction
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.service import NotificationHub
from aegis_core.observability.logger import Logger
from aegis_core.storage.port import StorageCapabilities
from aegis_core.storage.service import Storage

pytestmark = pytest.mark.anyio

WHO = Principal("dr-malee", verified_by="test")


def at(tenant):
    return acting(WHO, purpose=Purpose.TREATMENT, tenant=tenant)


def set_all(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


async def problems(aegis):
    with pytest.raises(SettingsError) as caught:
        async with aegis.open():
            raise AssertionError("not reached")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    return {problem.setting: str(problem) for problem in caught.value.problems}


async def test_everything_works_from_the_defaults_of_the_environment(tmp_path):
    async with Aegis().open() as aegis:
        with at(None):
            await aegis.storage.upload("a", b"x")
        assert (await aegis.audit.verify()).intact
    assert {path.name for path in (tmp_path / ".aegis").iterdir()} >= {"storage", "audit", "keys", "subject-keys.db"}


async def test_the_environment_is_read_when_it_is_opened(monkeypatch, tmp_path):
    aegis = Aegis(only=["storage"])
    set_all(monkeypatch, AEGIS_STORAGE="file:elsewhere")
    async with aegis.open():
        with at(None):
            await aegis.storage.upload("a", b"x")
    assert (tmp_path / "elsewhere").is_dir()


async def test_problems_of_settings_adapters_and_requirements_come_at_once_and_show_no_value(monkeypatch):
    set_all(
        monkeypatch,
        AEGIS_STORAGE="s4://hunter2@records",
        AEGIS_LOG_LEVEL="hunter2",
        AEGIS_EMIAL="hunter2",
        AEGIS_AUDIT="sqlite:a.db?hunter2=1",
        AEGIS_KEYS="file:keys?hunter2=hunter2",
    )
    found = await problems(Aegis(require=["audit.flies", "stroage.match"]))
    assert set(found) == {
        "AEGIS_STORAGE", "AEGIS_LOG_LEVEL", "AEGIS_EMIAL", "AEGIS_AUDIT", "AEGIS_STATE", "AEGIS_KEYS",
        "require 'stroage.match'",
    }  # fmt: skip
    assert "did you mean AEGIS_EMAIL?" in found["AEGIS_EMIAL"]
    assert "did you mean storage?" in found["require 'stroage.match'"]
    shown = "".join(found.values())
    assert "hunter2" not in shown.replace("s4://", "")


async def test_a_problem_opens_nothing(parts, monkeypatch):
    set_all(monkeypatch, AEGIS_LOG_LEVEL="loud")
    assert set(await problems(parts.aegis())) == {"AEGIS_LOG_LEVEL"}
    assert parts.story == []


async def test_a_missing_environment_is_told(monkeypatch, parts):
    monkeypatch.delenv("AEGIS_ENV")
    assert set(await problems(parts.aegis())) == {"AEGIS_ENV"}


async def test_in_production_nothing_is_local_unless_named(monkeypatch):
    monkeypatch.setenv("AEGIS_ENV", "production")
    assert set(await problems(Aegis())) == {
        "AEGIS_STORAGE", "AEGIS_AUDIT", "AEGIS_STATE", "AEGIS_KEYS", "AEGIS_SUBJECT_KEYS", "AEGIS_EMAIL",
        "AEGIS_ORIGIN",
    }  # fmt: skip
    assert set(await problems(Aegis(only=["storage"]))) == {"AEGIS_STORAGE", "AEGIS_STATE", "AEGIS_KEYS"}
    set_all(monkeypatch, AEGIS_STORAGE="memory:", AEGIS_STATE="memory:", AEGIS_KEYS="file:keys")
    found = await problems(Aegis(only=["storage"], entropy=SeededEntropy(1)))
    assert set(found) == {"AEGIS_STORAGE", "AEGIS_STATE", "AEGIS_KEYS", "entropy"}


async def test_production_runs_on_what_is_named(monkeypatch, tmp_path):
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    set_all(
        monkeypatch,
        AEGIS_ENV="production",
        AEGIS_STORAGE=f"file://{tmp_path}/records",
        AEGIS_STATE=f"file://{tmp_path}/state",
        AEGIS_KEYS=f"file://{tmp_path}/keys?passphrase=vault",
        AEGIS_SECRET_VAULT="correct horse battery staple",
    )
    async with Aegis(only=["storage"], require=["storage.match"]).open() as aegis:
        with at(None):
            await aegis.storage.upload("a", b"x")
            assert await aegis.storage.download("a") == b"x"


async def test_production_takes_instances_instead_of_variables(monkeypatch, parts):
    set_all(monkeypatch, AEGIS_ENV="production", AEGIS_ORIGIN="clinic.example/audit")
    async with parts.aegis().open() as aegis:
        assert aegis.audit.origin == "clinic.example/audit"


async def test_what_stands_there_for_other_programs_is_not_looked_at(monkeypatch, parts):
    set_all(monkeypatch, AEGIS_STORAGE="s4://x", AEGIS_EMAIL="no url", AEGIS_STORAGE__IMAGES="s4://x")
    async with Aegis(only=["log"], log=parts.log).open() as aegis:
        aegis.log.info("up")


async def test_instances_win_over_urls(monkeypatch, parts, tmp_path):
    set_all(monkeypatch, AEGIS_STORAGE="file:elsewhere", AEGIS_AUDIT="file:trail", AEGIS_STORAGE__IMAGES="file:images")
    async with parts.aegis(storage={"default": parts.storage, "images": parts.images}).open() as aegis:
        with at(None):
            await aegis.storage.upload("a", b"x")
            await aegis.get(Storage, name="images").upload("b", b"x")
        assert [info.key async for info in aegis.storage.list()] == ["a"]
    assert await parts.audit.size() == 2
    assert list(tmp_path.iterdir()) == []


async def test_named_stores_come_by_url_and_are_apart(monkeypatch, parts, tmp_path):
    set_all(monkeypatch, AEGIS_STORAGE__IMAGES="file:images", AEGIS_STORAGE__X_RAY="memory:")
    async with parts.aegis().open() as aegis:
        images = aegis.get(Storage, name="images")
        with at(None):
            await images.upload("scan", b"x")
            with pytest.raises(AegisError) as caught:
                await aegis.storage.stat("scan")
        assert caught.value.code is ErrorCode.NOT_FOUND
        assert aegis.get(Storage) is aegis.storage is aegis.get(Storage, name="default")
        assert aegis.get(Storage, name="x_ray") is not images
        with pytest.raises(AegisError, match="AEGIS_STORAGE__NAME"):
            aegis.get(Storage, name="letters")
    assert (tmp_path / "images").is_dir()
    assert parts.steps("close")[-1] == "log"


async def test_a_tenants_objects_lie_in_its_own_store(monkeypatch, parts, tmp_path):
    set_all(monkeypatch, AEGIS_STORAGE__TENANT_EU_WEST="file:eu")
    async with parts.aegis(only=("storage", "log"), audit=None, email=None).open() as aegis:
        with at("eu-west"):
            await aegis.storage.upload("a", b"in Europe")
        with at("us"):
            await aegis.storage.upload("b", b"elsewhere")
        with at("eu-west"):
            assert [info.key async for info in aegis.storage.list()] == ["a"]
            assert await aegis.storage.download("a") == b"in Europe"
    europe = FileStorage(tmp_path / "eu")
    await europe.open()
    assert [info.key for info in (await europe.list("")).objects] == ["eu-west/a"]
    assert [info.key for info in (await parts.storage.list("")).objects] == ["us/b"]
    await europe.aclose()


async def test_requirements_hold_for_the_stores_of_tenants_too(monkeypatch, parts):
    parts.storage.capabilities = StorageCapabilities(create=True)
    found = await problems(parts.aegis(require={"storage.match", "storage.create", "audit"}))
    assert set(found) == {"require 'storage.match'", "require 'audit'"}
    assert "it offers create" in found["require 'storage.match'"]
    set_all(monkeypatch, AEGIS_STORAGE__TENANT_EU="file:eu")
    async with parts.aegis(storage=MemoryStorage(), require={"storage.match", "storage.create"}).open():
        pass
    assert set(await problems(parts.aegis(log=None, storage=MemoryStorage(), require={"storage.multi_host"}))) == {
        "require 'storage.multi_host'"
    }
    found = await problems(Aegis(only=["log"], require={"audit.shared"}))
    assert "not in use" in found["require 'audit.shared'"]


async def test_a_part_that_does_not_exist_is_told(parts):
    found = await problems(Aegis(only=["logs", "keys"]))
    assert "did you mean log?" in found["only"]


async def test_an_instance_that_nobody_would_use_is_told(parts):
    found = await problems(Aegis(only=["log"], audit=parts.audit, storage={"images": parts.images}, email=parts.email))
    assert set(found) == {"audit", "storage", "email"}
    assert "leaves out the part notify" in found["email"]


async def test_settings_that_were_read_for_other_parts_are_told(parts):
    settings = Settings.read({"AEGIS_ENV": "test"}, only=["log"])
    found = await problems(Aegis(settings))
    assert set(found) == {"storage", "audit", "keys", "state", "subject_keys", "email"}
    async with Aegis(settings, only=["log"]).open():
        pass
    bare = attrs.evolve(settings, environment="production")
    assert set(await problems(Aegis(bare, only=["log"], log=parts.log, entropy=SeededEntropy(1)))) == {"entropy"}


async def test_handed_settings_are_used_instead_of_the_environment(monkeypatch, tmp_path):
    settings = Settings.read({"AEGIS_ENV": "test", "AEGIS_STORAGE": "file:mine"}, only=["storage"])
    monkeypatch.delenv("AEGIS_ENV")
    async with Aegis(settings, only=["storage"]).open() as aegis:
        with at(None):
            await aegis.storage.upload("a", b"x")
    assert (tmp_path / "mine").is_dir()


async def test_services_come_by_type_and_provide_is_awaitable(parts):
    aegis = parts.aegis()
    provided = aegis.provide(Storage)
    with pytest.raises(AegisError, match="not open"):
        await provided()
    async with aegis.open():
        assert await provided() is aegis.storage
        for kind, name in ((Logger, "log"), (Keyring, "keys"), (AuditTrail, "audit"), (NotificationHub, "notify")):
            assert aegis.get(kind) is getattr(aegis, name)
        with pytest.raises(AegisError, match="Aegis provides AuditTrail, Keyring") as caught:
            aegis.get(str)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_record_numbers_are_pseudonyms_once_there_are_keys(parts):
    @attrs.frozen
    class Admitted:
        wiring_mrn: Annotated[str, PHI.MRN]

    async with parts.aegis().open() as aegis:
        aegis.log.info("admitted", patient=Admitted("HN-690001"))
    assert b"pseudo:" in parts.log.lines[-1]
    assert b"HN-690001" not in b"".join(parts.log.lines)


async def test_a_redaction_that_leaks_is_refused_or_replaced(monkeypatch, parts):
    leaking = Redaction({PHI.NAME: lambda value, data_class: str(value)})
    with pytest.raises(AegisError, match="AEGIS_ON_LEAK") as caught:
        async with Aegis(only=["log"], redaction=leaking, log=parts.log).open():
            raise AssertionError("not reached")
    assert caught.value.code is ErrorCode.INTEGRITY
    monkeypatch.setenv("AEGIS_ON_LEAK", "erase")
    sink = MemorySink()
    async with Aegis(only=["log"], redaction=leaking, log=sink).open() as aegis:
        aegis.log.info("seen", card=Classified("Somchai Jaidee", PHI.NAME))
    assert b"[phi.name]" in sink.lines[-1]
    assert b"Somchai" not in sink.lines[-1]
