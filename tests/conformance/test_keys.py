"""The local key vaults keep the port's promises, and the kit rejects the known mistakes of vaults."""

import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.port import VaultCapabilities, WrappedKey
from aegis_core.crypto.wrapping import unwrap_under
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.testing.kit import Subject, kill_rate, pytest_cases
from aegis_core.testing.kits.keys import keys_kit


class MemoryHarness:
    """Adapters over one vault in memory: the same object, because nothing else shares its keys."""

    def __init__(self, vault):
        self.vault = vault
        self.capabilities = vault.capabilities

    def make(self):
        return self.vault

    async def rotate(self, vault):
        await vault.rotate()


class FolderHarness:
    capabilities = FileVault.capabilities

    def __init__(self, folder, passphrase):
        self.folder = folder
        self.passphrase = passphrase

    def make(self):
        return FileVault(self.folder, passphrase=self.passphrase)

    async def rotate(self, vault):
        await vault.rotate()


def in_memory(vault_class):
    @asynccontextmanager
    async def factory():
        yield MemoryHarness(vault_class())

    return factory


def in_folder(passphrase):
    @asynccontextmanager
    async def factory():
        with tempfile.TemporaryDirectory() as root:
            yield FolderHarness(Path(root) / "keys", passphrase)

    return factory


VAULTS = {"memory": in_memory(MemoryVault), "file": in_folder(None), "file-passphrase": in_folder("correct horse")}
SUBJECTS = {
    "memory": Subject("memory"),
    "file": Subject("file"),
    "file-passphrase": Subject("file", options="with a passphrase"),
}


@pytest.fixture(autouse=True)
def _quick_scrypt(monkeypatch):
    """The passphrase's cost is tested once, in the unit tests of the folder."""
    monkeypatch.setattr("aegis_core.local.filesystem.key_folder._SCRYPT", {"n": 1 << 4, "r": 8, "p": 1})


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(keys_kit, VAULTS, SUBJECTS))
async def test_the_local_vaults_keep_their_promises(check):
    await check()


class AnotherKeyAnswers(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        await super().unwrap(wrapped, context=context)
        return getattr(self, "last", b"")

    async def wrap(self, key, /, *, context):
        self.last = key
        return await super().wrap(key, context=context)


class OpensWithAnyKey(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        for key_id in self._keys:
            try:
                return await super().unwrap(WrappedKey(key_id, wrapped.blob), context=context)
            except AegisError as error:
                failure = error
        raise failure


class ContextIgnored(MemoryVault):
    async def wrap(self, key, /, *, context):
        return await super().wrap(key, context={})

    async def unwrap(self, wrapped, /, *, context):
        return await super().unwrap(wrapped, context={})


class ContextValuesOnly(MemoryVault):
    """Joins the values, so that they may change places."""

    @staticmethod
    def _joined(context):
        return {"all": "".join(sorted(context.values()))}

    async def wrap(self, key, /, *, context):
        return await super().wrap(key, context=self._joined(context))

    async def unwrap(self, wrapped, /, *, context):
        return await super().unwrap(wrapped, context=self._joined(context))


class ContextNotChecked(MemoryVault):
    @staticmethod
    def _escaped(context):
        return {json.dumps(name): json.dumps(value) for name, value in context.items()}

    async def wrap(self, key, /, *, context):
        return await super().wrap(key, context=self._escaped(context))

    async def unwrap(self, wrapped, /, *, context):
        return await super().unwrap(wrapped, context=self._escaped(context))


class DestroyedKeyAnswers(MemoryVault):
    async def destroy(self, key_id, /):
        kept = self._keys.get(key_id)
        await super().destroy(key_id)
        self._keys[key_id] = kept


class DestroyedKeyAnswersFromACache(MemoryVault):
    def __init__(self):
        super().__init__()
        self.cache = {}

    async def unwrap(self, wrapped, /, *, context):
        name = (wrapped, tuple(sorted(context.items())))
        if name not in self.cache:
            self.cache[name] = await super().unwrap(wrapped, context=context)
        return self.cache[name]


class DestroyedIsIntegrity(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        try:
            return await super().unwrap(wrapped, context=context)
        except AegisError as error:
            raise AegisError(ErrorCode.INTEGRITY, "the wrapped key does not open") from error


class ActiveKeyDestroyed(MemoryVault):
    async def destroy(self, key_id, /):
        if key_id == self._active:
            await self.rotate()
        await super().destroy(key_id)


class RotationForgetsFormerKeys(MemoryVault):
    async def rotate(self):
        self._keys = dict.fromkeys(self._keys)
        return await super().rotate()


class WrapsWithTheFirstKey(MemoryVault):
    async def active(self):
        first = next(iter(self._keys), None)
        return first or await super().active()


class KeyInRepr(MemoryVault):
    async def wrap(self, key, /, *, context):
        self.last = key
        return await super().wrap(key, context=context)

    def __repr__(self):
        return f"KeyInRepr(last={self.last!r})"


class KeyInWrappedRepr(MemoryVault):
    @attrs.frozen
    class Shown(WrappedKey):
        plain: bytes = b""

    async def wrap(self, key, /, *, context):
        wrapped = await super().wrap(key, context=context)
        return self.Shown(wrapped.key_id, wrapped.blob, key)


class KeyInError(MemoryVault):
    async def wrap(self, key, /, *, context):
        try:
            return await super().wrap(key, context=context)
        except AegisError as error:
            raise AegisError(error.code, f"cannot wrap {key.hex()}") from None


class KeyInLocals(MemoryVault):
    async def wrap(self, key, /, *, context):
        return await super().wrap(key, context=context)


class KeyInAnAttribute(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        self.opened = await super().unwrap(wrapped, context=context)
        return self.opened


class TellsTheReasons(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        try:
            return await super().unwrap(wrapped, context=context)
        except AegisError as error:
            raise AegisError(error.code, f"does not open under {wrapped.key_id} and {sorted(context)}") from None


class TagNotChecked(MemoryVault):
    async def unwrap(self, wrapped, /, *, context):
        blob = wrapped.blob
        if len(blob) > 40:
            self.seen = {**getattr(self, "seen", {}), (wrapped.key_id, blob[:-1]): blob}
            blob = self.seen.get((wrapped.key_id, blob[:-1]), blob)
            for (key_id, start), whole in self.seen.items():
                if key_id == wrapped.key_id and start[:20] == blob[:20]:
                    try:
                        return await super().unwrap(WrappedKey(key_id, whole), context=context)
                    except AegisError:
                        continue
        return await super().unwrap(wrapped, context=context)

    async def wrap(self, key, /, *, context):
        wrapped = await super().wrap(key, context=context)
        self.seen = {**getattr(self, "seen", {}), (wrapped.key_id, wrapped.blob[:-1]): wrapped.blob}
        return wrapped


class AnyLength(MemoryVault):
    async def wrap(self, key, /, *, context):
        return await super().wrap(key.ljust(16, b"\0")[:4096], context=context)


class UndeclaredDestroyAccepted(MemoryVault):
    capabilities = VaultCapabilities()


class CloseForgets(MemoryVault):
    async def aclose(self):
        self._keys = {}
        self._active = ""


BUGS = [
    AnotherKeyAnswers,
    OpensWithAnyKey,
    ContextIgnored,
    ContextValuesOnly,
    ContextNotChecked,
    DestroyedKeyAnswers,
    DestroyedKeyAnswersFromACache,
    DestroyedIsIntegrity,
    ActiveKeyDestroyed,
    RotationForgetsFormerKeys,
    WrapsWithTheFirstKey,
    KeyInRepr,
    KeyInWrappedRepr,
    KeyInError,
    KeyInLocals,
    KeyInAnAttribute,
    TellsTheReasons,
    TagNotChecked,
    AnyLength,
    UndeclaredDestroyAccepted,
    CloseForgets,
]


def test_the_kit_rejects_every_planted_bug(capsys):
    report = kill_rate(keys_kit, {bug.__name__: in_memory(bug) for bug in BUGS})
    with capsys.disabled():
        print(f"\n{report}")
    assert not report.survivors


class CannotDestroy(MemoryVault):
    capabilities = VaultCapabilities()

    async def destroy(self, key_id, /):
        raise UnsupportedCapability("destroy", adapter=self.name)


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(keys_kit, {"cannot-destroy": in_memory(CannotDestroy)}))
async def test_a_vault_that_cannot_destroy_is_not_asked_to(check):
    await check()


def test_unwrapping_gives_no_bare_bytes_to_a_traceback():
    with pytest.raises(AegisError) as caught:
        unwrap_under(KeyMaterial(bytes(32)), b"\x01" + bytes(60), key_id="m1", context=b"{}", adapter="memory")
    assert "\\x00" * 8 not in repr(caught.value)
