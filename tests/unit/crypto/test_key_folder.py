"""A folder of keys: who may read it, what a passphrase does, and that destroyed keys leave nothing behind."""

import errno
import json
import os
import stat
import time

import pytest

from aegis_core.crypto.model import KeyMaterial
from aegis_core.kernel import files
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem import key_folder, keys
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.local.memory import keys as memory_keys

CONTEXT = {"tenant": "clinic-a"}
KEY = bytes(range(32))


@pytest.fixture
def quick_scrypt(monkeypatch):
    monkeypatch.setattr(key_folder, "_SCRYPT", {"n": 1 << 4, "r": 8, "p": 1})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / ".aegis" / "keys"


async def refused(awaitable):
    """The error that an awaitable ends with."""
    with pytest.raises(AegisError) as caught:
        await awaitable
    return caught.value


async def opened(folder, **options):
    vault = FileVault(folder, **options)
    await vault.open()
    return vault


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.anyio
async def test_only_the_owner_may_read_what_it_makes_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        vault = await opened(folder)
        await vault.rotate()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert names(folder) == [".gitignore", "active", "f1.key", "f2.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (folder / ".gitignore").read_text() == "*\n"


@pytest.mark.anyio
@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
async def test_a_folder_that_others_may_read_is_refused(folder, mode):
    await opened(folder)
    folder.chmod(mode)
    error = await refused(opened(folder))
    assert error.code is ErrorCode.PERMISSION_DENIED
    assert "chmod 700" in str(error)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["f1.key", "active"])
async def test_a_file_that_others_may_read_is_refused(folder, name):
    vault = await opened(folder)
    wrapped = await vault.wrap(KEY, context=CONTEXT)
    (folder / name).chmod(0o644)
    assert (await refused(opened(folder))).code is ErrorCode.PERMISSION_DENIED
    assert (await refused(vault.wrap(KEY, context=CONTEXT))).code is ErrorCode.PERMISSION_DENIED
    (folder / name).chmod(0o600)
    assert await vault.unwrap(wrapped, context=CONTEXT) == KEY


@pytest.mark.anyio
async def test_a_symbolic_link_in_the_folders_place_is_refused(folder, tmp_path):
    await opened(tmp_path / "elsewhere")
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert (await refused(opened(folder))).code is ErrorCode.PERMISSION_DENIED


@pytest.mark.anyio
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hand the folder to another user")
async def test_a_folder_of_another_user_is_refused(folder):
    await opened(folder)
    os.chown(folder, 65534, 65534)
    assert (await refused(opened(folder))).code is ErrorCode.PERMISSION_DENIED


@pytest.mark.anyio
async def test_a_destroyed_key_leaves_a_tombstone_and_no_byte_of_itself(folder):
    vault = await opened(folder)
    secret = json.loads((folder / "f1.key").read_text())["key"].encode()
    other_name = folder.parent / "hard link"  # shows what becomes of the file's bytes once its name is gone
    os.link(folder / "f1.key", other_name)
    assert secret in other_name.read_bytes()
    await vault.rotate()
    await vault.destroy("f1")
    assert names(folder) == [".gitignore", "active", "f1.destroyed", "f2.key"]
    assert not any(other_name.read_bytes())
    assert await (await opened(folder)).rotate() == "f3"


@pytest.mark.anyio
async def test_a_destruction_that_was_interrupted_is_finished_at_the_next_open(folder):
    vault = await opened(folder)
    wrapped = await vault.wrap(KEY, context=CONTEXT)
    await vault.rotate()
    (folder / "f1.destroyed").touch(mode=0o600)
    assert (await refused(vault.unwrap(wrapped, context=CONTEXT))).code is ErrorCode.NOT_FOUND
    await opened(folder)
    assert "f1.key" not in names(folder)


@pytest.mark.anyio
async def test_rotations_of_two_adapters_make_two_keys(folder):
    one, two = await opened(folder), await opened(folder)
    assert {await one.rotate(), await two.rotate(), await one.rotate()} == {"f2", "f3", "f4"}
    assert await two.active() == "f4"


@pytest.mark.anyio
async def test_with_a_passphrase_no_key_lies_bare(folder, quick_scrypt):
    vault = await opened(folder, passphrase="correct horse")
    wrapped = await vault.wrap(KEY, context=CONTEXT)
    assert (await vault.health()).state == "up"
    assert json.loads((folder / "f1.key").read_text())["protection"] == "scrypt"
    again = await opened(folder, passphrase="correct horse")
    assert await again.unwrap(wrapped, context=CONTEXT) == KEY
    # What lies in the file is not the key that wraps.
    (folder / "passphrase.json").unlink()
    assert (await refused(opened(folder))).code is ErrorCode.INTEGRITY


@pytest.mark.anyio
async def test_a_wrong_a_missing_and_a_needless_passphrase_are_refused(folder, tmp_path, quick_scrypt):
    await opened(folder, passphrase="correct horse")
    wrong = await refused(opened(folder, passphrase="battery staple"))
    assert wrong.code is ErrorCode.INTEGRITY
    assert "battery" not in str(wrong)
    assert (await refused(opened(folder))).code is ErrorCode.PRECONDITION_FAILED
    await opened(tmp_path / "bare")
    assert (await refused(opened(tmp_path / "bare", passphrase="x"))).code is ErrorCode.PRECONDITION_FAILED


@pytest.mark.anyio
async def test_a_bare_folder_says_that_it_is_weak(folder):
    health = await (await opened(folder)).health()
    assert health.state == "degraded"
    assert "bare" in health.detail


def test_a_passphrase_opens_in_less_than_a_second_and_is_as_hard_as_recommended(folder):
    costs = key_folder._SCRYPT
    assert costs["n"] * costs["r"] * costs["p"] >= (1 << 17) * 8
    before = time.process_time()
    key_folder.KeyFolder(folder, octets=os.urandom, wall_ns=lambda: 0).open(KeyMaterial(b"correct horse"))
    assert time.process_time() - before < 1.0


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["f1.key", "active", "passphrase.json"])
@pytest.mark.parametrize(
    "text", [b"", b"[" * 50_000, b"{}", b'{"version":1,"id":"f1","key":"AAAA"}', b"\xff\xfe", b"f2\n"]
)
async def test_a_changed_file_is_refused_without_a_crash(folder, quick_scrypt, name, text):
    await opened(folder, passphrase="correct horse")
    (folder / name).write_bytes(text)
    error = await refused(opened(folder, passphrase="correct horse"))
    assert error.code in {ErrorCode.INTEGRITY, ErrorCode.NOT_FOUND}


@pytest.mark.anyio
@pytest.mark.parametrize("change", [{"n": 1 << 30}, {"n": 3}, {"p": 1 << 40}, {"kdf": "none"}, {"n": "x"}, {"salt": 1}])
async def test_a_changed_cost_is_refused_before_it_is_paid(folder, quick_scrypt, change):
    await opened(folder, passphrase="correct horse")
    document = json.loads((folder / "passphrase.json").read_text())
    (folder / "passphrase.json").write_text(json.dumps({**document, **change}))
    assert (await refused(opened(folder, passphrase="correct horse"))).code is ErrorCode.INTEGRITY


@pytest.mark.anyio
async def test_a_missing_key_file_is_not_found(folder):
    vault = await opened(folder)
    wrapped = await vault.wrap(KEY, context=CONTEXT)
    (folder / "f1.key").unlink()
    assert (await refused(vault.unwrap(wrapped, context=CONTEXT))).code is ErrorCode.NOT_FOUND


@pytest.mark.anyio
async def test_a_full_disk_leaves_the_folder_as_it_was(folder, monkeypatch):
    vault = await opened(folder)
    before = names(folder)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(key_folder, "flush", full)
    with pytest.raises(OSError, match="no space") as caught:
        await vault.rotate()
    assert vault.classify(caught.value) is ErrorCode.RESOURCE_EXHAUSTED
    assert names(folder) == before
    assert await vault.active() == "f1"


def test_what_the_system_raises_has_a_code(folder):
    vault = FileVault(folder)
    assert vault.classify(PermissionError()) is ErrorCode.PERMISSION_DENIED
    assert vault.classify(FileNotFoundError()) is ErrorCode.NOT_FOUND
    assert vault.classify(OSError(errno.EIO, "")) is ErrorCode.UNAVAILABLE
    assert vault.classify(ValueError()) is None


@pytest.mark.anyio
async def test_a_vault_that_is_not_open_says_so(folder):
    vault = FileVault(folder)
    assert (await refused(vault.active())).code is ErrorCode.UNAVAILABLE
    assert (await vault.health()).state == "down"
    assert not folder.exists()


@pytest.mark.anyio
async def test_no_key_shows_when_a_key_cannot_be_written(folder, monkeypatch):
    vault = await opened(folder)
    made = []
    real = vault._folder._octets

    def remembered(count):
        made.append(real(count))
        return made[-1]

    vault._folder._octets = remembered
    monkeypatch.setattr(key_folder, "flush", lambda _descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken") as caught:
        await vault.rotate()
    secrets = [octets for octets in made if len(octets) == 32]
    assert secrets
    frame = caught.value.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == key_folder.__file__:
            shown = repr(list(frame.tb_frame.f_locals.values()))
            assert not any(repr(secret)[2:-1] in shown for secret in secrets)
        frame = frame.tb_next


def deps(environment="development", secrets=None, **options):
    return AdapterDeps(environment=environment, secrets=(secrets or {}).get, **options)


def make(text, deps, module=keys):
    return module.from_url(ServiceUrl.parse(text), deps)


def problems(text, deps, module=keys):
    with pytest.raises(SettingsError) as caught:
        make(text, deps, module)
    return [problem.expected for problem in caught.value.problems]


@pytest.mark.anyio
async def test_a_url_names_the_folder_and_the_secret_that_holds_the_passphrase(folder, quick_scrypt):
    vault = make(
        f"file://{folder}?passphrase=KEYS_PASSPHRASE", deps("production", {"KEYS_PASSPHRASE": "correct horse"})
    )
    assert not folder.exists()  # no I/O before open
    await vault.open()
    assert "passphrase.json" in names(folder)
    assert "correct horse" not in repr(vars(vault))


def test_production_refuses_bare_keys_memory_and_weak_chance():
    assert isinstance(make("file:.aegis/keys", deps()), FileVault)
    assert len(problems("file:/k", deps("production"))) == 1
    assert len(problems("file:/k", deps("production", entropy=SeededEntropy(1)))) == 2
    assert len(problems("memory:", deps("production"), memory_keys)) == 1
    assert make("memory:", deps("test"), memory_keys).name == "memory"


def test_a_url_that_makes_no_sense_is_refused():
    assert problems("file://host/k", deps()) == ["names a host"]
    assert len(problems("file:k?passphrase=NO_SUCH_SECRET", deps())) == 1
    assert len(problems("file:k?passphrase=", deps())) == 1
    assert len(problems("file:k?colour=red&size=2", deps())) == 2
    with pytest.raises(SettingsError) as caught:
        make("file:k?passphrase=hunter2", deps())
    assert "hunter2" not in str(caught.value)


@pytest.mark.anyio
async def test_a_key_that_was_lost_is_missed_and_not_made_anew(folder):
    await opened(folder)
    (folder / "f1.key").unlink()
    assert (await refused(opened(folder))).code is ErrorCode.NOT_FOUND
    assert names(folder) == [".gitignore", "active"]


@pytest.mark.anyio
async def test_in_production_keys_lie_on_a_disk_that_lasts(folder, quick_scrypt, monkeypatch):
    monkeypatch.setattr(files, "_read_mounts", lambda: "1 1 0:1 / / rw - overlay overlay rw")
    lost = make(f"file://{folder}?passphrase=P", deps("production", {"P": "correct horse"}))
    error = await refused(lost.open())
    assert error.code is ErrorCode.UNSUPPORTED
    assert "a container's layer goes with the container" in str(error)
    assert not folder.exists()
    told = FileVault(folder, passphrase="correct horse")
    await told.open()
    assert (await told.health()).state == "degraded"
    assert "overlay" in (await told.health()).detail
