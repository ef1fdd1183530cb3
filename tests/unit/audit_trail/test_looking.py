"""A look at a trail says what is there and what does not fit, and changes nothing: no key, no signature, no file."""

from datetime import UTC, datetime

import pytest

from aegis_core import AegisError, ErrorCode
from aegis_core.audit import look_at
from aegis_core.crypto import Keyring
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState

from .conftest import ORIGIN, ReportFiled, doctor

pytestmark = pytest.mark.anyio


def files(root):
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


async def looked(clinic, origin=ORIGIN):
    sink = clinic.sink()
    await sink.open()
    before = files(clinic.root)
    try:
        return await look_at(sink, clinic.ring, origin=origin)
    finally:
        await sink.aclose()
        assert files(clinic.root) == before


async def filed(clinic, count):
    async with await clinic.trail() as trail:
        with doctor():
            for number in range(count):
                await trail.record(ReportFiled(f"r{number}"))
        return await trail.checkpoint()


async def test_an_empty_trail_has_nothing_and_no_key_is_made_for_it(clinic):
    found = await looked(clinic)
    assert (found.size, found.checkpoint, found.signed_at) == (0, None, None)
    assert await clinic.state.names("") == []


async def test_it_says_how_long_the_trail_is_what_was_signed_and_when(clinic):
    checkpoint = await filed(clinic, 300)
    found = await looked(clinic)
    assert (found.size, found.checkpoint) == (300, checkpoint)
    assert found.signed_at == datetime.fromtimestamp(clinic.clock.wall_ns() // 10**9, UTC)


async def test_a_primary_that_lost_what_was_signed_is_integrity(clinic):
    await filed(clinic, 3)
    (segment,) = clinic.root.glob("journal/*.segment")
    segment.unlink()
    with pytest.raises(AegisError, match="0 entries, but 3 were signed") as caught:
        await looked(clinic)
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_a_changed_tile_is_integrity(clinic):
    await filed(clinic, 3)
    (tile,) = clinic.root.glob("log/tile/0/000.p/3")
    tile.write_bytes(bytes(96))
    with pytest.raises(AegisError) as caught:
        await looked(clinic)
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_another_trails_name_is_integrity_and_publishes_no_key_under_it(clinic):
    await filed(clinic, 3)
    with pytest.raises(AegisError) as caught:
        await looked(clinic, "other.example/audit")
    assert caught.value.code is ErrorCode.INTEGRITY
    assert b"other.example" not in (await clinic.state.get("log/verifier-keys")).body


async def test_keys_of_somebody_else_did_not_sign_it(clinic):
    await filed(clinic, 3)
    state = MemoryState()
    async with Keyring(MemoryVault(), state) as stranger:
        for name in await clinic.state.names("log/"):
            await state.put(name, (await clinic.state.get(name)).body, expected=None)
        sink = clinic.sink()
        await sink.open()
        with pytest.raises(AegisError) as caught:
            await look_at(sink, stranger, origin=ORIGIN)
        await sink.aclose()
        assert caught.value.code is ErrorCode.INTEGRITY
        assert await state.names("keyring/") == []
