"""The list of keys: complete, without a vault, without a secret, and nothing is made by looking."""

import pytest

from aegis_core import AegisError, ErrorCode, KeyPurpose
from aegis_core.crypto import Keyring, key_records
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState

pytestmark = pytest.mark.anyio


async def documents(state):
    return {name: (await state.get(name)).body for name in await state.names("")}


async def test_every_key_of_every_tenant_is_listed_with_its_state_and_no_secret():
    state = MemoryState()
    async with Keyring(MemoryVault(), state) as keyring:
        first = await keyring.active(KeyPurpose.WRAP)
        second = await keyring.rotate(KeyPurpose.WRAP)
        other = await keyring.active(KeyPurpose.PSEUDONYM, tenant="eu")
    await state.open()
    before = await documents(state)
    records = await key_records(state)
    assert [(each.id, each.purpose, each.tenant, each.state) for each in records] == [
        (first.id, KeyPurpose.WRAP, "", "decrypt-only"),
        (second.id, KeyPurpose.WRAP, "", "active"),
        (other.id, KeyPurpose.PSEUDONYM, "eu", "active"),
    ]
    assert all(each.created.tzinfo is not None and each.vault_key for each in records)
    for key in (first, second, other):
        assert key.secret.hex() not in repr(records)
        assert repr(key.secret) not in repr(records)
    assert await documents(state) == before


async def test_an_empty_store_has_no_keys_and_gets_none():
    state = MemoryState()
    await state.open()
    assert await key_records(state) == []
    assert await documents(state) == {}


async def test_more_rings_than_one_page_are_all_read():
    state = MemoryState()
    async with Keyring(MemoryVault(), state) as keyring:
        await keyring.active(KeyPurpose.WRAP, tenant="a")
        ring = await state.get("keyring/a")
        for number in range(1001):
            body = ring.body.replace(b'"tenant":"a"', b'"tenant":"t%d"' % number)
            await state.put(f"keyring/t{number}", body, expected=None)
    await state.open()
    assert len(await key_records(state)) == 1002


async def test_a_damaged_ring_is_integrity():
    state = MemoryState()
    await state.open()
    await state.put("keyring/_", b"{}", expected=None)
    with pytest.raises(AegisError) as caught:
        await key_records(state)
    assert caught.value.code is ErrorCode.INTEGRITY
