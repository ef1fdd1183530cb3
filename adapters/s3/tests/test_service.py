"""The storage service on top: sealed before it leaves, from async and from blocking code."""

import pytest

from aegis_core import blocking
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.model import Match
from aegis_core.storage.service import Storage

PHI = b"Ada Lovelace has 4711 reasons "
BODY = PHI * 400_000  # 12 MB: in parts


def stored(place):
    listed = place.client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"]
    return [place.client.get_object(Bucket=place.bucket, Key=each["Key"])["Body"].read() for each in listed]


@pytest.mark.anyio
async def test_objects_are_sealed_before_they_leave(place):
    async with Keyring(MemoryVault(), MemoryState()) as ring, Storage(place.make(), ring) as storage:
        small = await storage.upload("lab/1.pdf", PHI)
        await storage.upload("lab/2.pdf", BODY)
        assert await storage.download("lab/2.pdf") == BODY
        moved = await storage.move("lab/1.pdf", "old/1.pdf")
        assert moved.etag != small.etag
        assert [info.key async for info in storage.list()] == ["lab/2.pdf", "old/1.pdf"]
        with pytest.raises(AegisError) as caught:
            await storage.upload("old/1.pdf", b"x")
        assert caught.value.code is ErrorCode.ALREADY_EXISTS
        assert all(PHI not in octets for octets in stored(place))
    assert not place.unended()


def test_blocking_code_has_the_same(place):
    with (
        blocking.Keyring(MemoryVault(), MemoryState()) as ring,
        blocking.Storage(place.make(), ring) as storage,
    ):
        info = storage.upload("lab/1.pdf", PHI)
        storage.upload("lab/1.pdf", BODY, replace=Match(info.etag))
        with pytest.raises(AegisError) as caught:
            storage.upload("lab/1.pdf", b"x", replace=Match(info.etag))
        assert caught.value.code is ErrorCode.PRECONDITION_FAILED
        with storage.open("lab/1.pdf") as reader:
            assert b"".join(reader) == BODY
        storage.delete("lab/1.pdf")
        assert list(storage.list()) == []
