"""Objects in parts: conditions, cancellation, kills and sweeps leave no upload behind."""

import os
import signal
import subprocess
import sys
from contextlib import aclosing

import anyio
import pytest

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import Key, Match
from aegis_core.testing.interrupt import every_wait
from aegis_core.testing.kits.storage_harness import a_body, find, get, put

MIB = 1 << 20
PART = 5 * MIB
KEY = Key("_/large")
BODY = a_body(12 * MIB + 77, seed=5)


@pytest.mark.anyio
@pytest.mark.parametrize("checksum", ["crc32", "sha256", "md5", "none"])
async def test_an_object_in_parts_comes_back_whole(place, checksum):
    async with place.opened(part_size=PART, checksum=checksum) as store:
        for size in (PART - 32, PART - 31, 2 * PART - 32, len(BODY)):
            info = await put(store, KEY, BODY[:size])
            assert info.stored_size == size
            assert ("-" in info.etag) == (size > PART - 32)
            assert (await store.stat(KEY)).etag == info.etag
            assert await get(store, KEY) == BODY[:size]
        assert not place.unended()


@pytest.mark.anyio
async def test_the_same_bytes_in_parts_have_another_etag_every_time(place):
    async with place.opened(part_size=PART) as store:
        assert len({(await put(store, KEY, BODY)).etag for _ in range(3)}) == 3


@pytest.mark.anyio
async def test_conditions_hold_for_objects_in_parts(seaweedfs):
    async with seaweedfs.opened(part_size=PART) as store:
        first = await put(store, KEY, BODY, replace=False)
        with pytest.raises(AegisError) as caught:
            await put(store, KEY, BODY, replace=False)
        assert caught.value.code is ErrorCode.ALREADY_EXISTS
        second = await put(store, KEY, BODY, replace=Match(first.etag))
        for key, stale in ((KEY, first.etag), (Key("_/nothing"), second.etag)):
            with pytest.raises(AegisError) as caught:
                await put(store, key, BODY, replace=Match(stale))
            assert caught.value.code is ErrorCode.PRECONDITION_FAILED
        assert not seaweedfs.unended()


@pytest.mark.anyio
async def test_of_many_creators_in_parts_the_object_is_one_winner_s_and_losers_are_told(seaweedfs):
    async with seaweedfs.opened(part_size=PART, parallel=1) as store:
        codes = []

        async def create(seed):
            try:
                await put(store, KEY, a_body(PART + 9, seed=seed), replace=False)
            except AegisError as error:
                codes.append(error.code)
            else:
                codes.append(seed)

        async with anyio.create_task_group() as group:
            for seed in range(4):
                group.start_soon(create, seed)
        # SeaweedFS checks the condition of a completed upload without a lock, so more than one may win there.
        winners = [code for code in codes if isinstance(code, int)]
        assert winners
        assert codes.count(ErrorCode.ALREADY_EXISTS) == 4 - len(winners)
        assert await get(store, KEY) in [a_body(PART + 9, seed=winner) for winner in winners]
        with pytest.raises(AegisError) as caught:
            await put(store, KEY, a_body(PART + 9, seed=9), replace=False)
        assert caught.value.code is ErrorCode.ALREADY_EXISTS
        assert not seaweedfs.unended()


@pytest.mark.anyio
async def test_cancelled_at_every_wait_it_leaves_no_upload(place):
    async with place.opened(part_size=PART, parallel=2) as store:
        steps = 0
        for step in every_wait():
            steps += 1
            await store.delete(KEY)
            writer = store.write(KEY, replace=True)

            async def work(writer=writer):
                async with aclosing(writer):
                    for start in range(0, len(BODY), 4 * MIB):
                        await writer.write(lambda start=start: [BODY[start : start + 4 * MIB]])
                    await writer.commit()

            await step.run(work)
            assert await find(store, KEY) in ((BODY,) if step.done else (None, BODY))
            assert not place.unended()
        assert steps > 4


@pytest.mark.anyio
async def test_what_make_raises_in_the_middle_ends_the_upload(place):
    async with place.opened(part_size=PART) as store:
        boom = RuntimeError("from make")

        def broken():
            yield BODY
            raise boom

        with pytest.raises(RuntimeError) as caught:
            async with aclosing(store.write(KEY, replace=True)) as writer:
                await writer.write(lambda: [BODY])
                await writer.write(broken)
                await writer.commit()
        assert caught.value is boom
        assert await find(store, KEY) is None
        assert not place.unended()


@pytest.mark.anyio
async def test_more_than_the_largest_is_refused_and_leaves_nothing(place, monkeypatch):
    monkeypatch.setattr("aegis_s3.storage._MOST_PARTS", 2)
    async with place.opened(part_size=PART) as store:
        with pytest.raises(AegisError) as caught:
            await put(store, KEY, BODY)
        assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
        assert not place.unended()


_UPLOADER = """
import sys, anyio
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.url import ServiceUrl
from aegis_s3.storage import from_url

async def main():
    store = from_url(ServiceUrl.parse(sys.argv[1]), AdapterDeps())
    await store.open()
    writer = store.write("_/large", replace=True)
    while True:
        await writer.write(lambda: [bytes(1 << 20)])
        print("more", flush=True)

anyio.run(main)
"""


@pytest.mark.anyio
async def test_the_upload_of_a_killed_process_is_ended_at_the_next_open(seaweedfs):
    facts = seaweedfs.running.endpoint.facts
    environ = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": facts["access_key"],
        "AWS_SECRET_ACCESS_KEY": facts["secret_key"],
        "AWS_REGION": facts["region"],
    }
    url = f"s3://{seaweedfs.bucket}/{seaweedfs.prefix}?endpoint={seaweedfs.running.endpoint.url}&names=flat&part_mib=5"
    process = subprocess.Popen([sys.executable, "-c", _UPLOADER, url], env=environ, stdout=subprocess.PIPE)
    try:
        for _ in range(12):
            assert process.stdout.readline() == b"more\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert len(seaweedfs.unended()) == 1
    async with seaweedfs.opened():  # by default only what is a day old
        assert len(seaweedfs.unended()) == 1
    async with seaweedfs.opened(sweep_after=0.0) as store:
        assert not seaweedfs.unended()
        assert await find(store, KEY) is None


@pytest.mark.anyio
async def test_a_sweep_leaves_others_uploads_alone(seaweedfs):
    names = (f"{seaweedfs.prefix}no key!", "elsewhere/_.x")
    begun = [
        (name, seaweedfs.client.create_multipart_upload(Bucket=seaweedfs.bucket, Key=name)["UploadId"])
        for name in names
    ]
    async with seaweedfs.opened(sweep_after=0.0):
        listed = seaweedfs.client.list_multipart_uploads(Bucket=seaweedfs.bucket)["Uploads"]
        assert {each["Key"] for each in listed} >= set(names)
    for name, upload_id in begun:
        seaweedfs.client.abort_multipart_upload(Bucket=seaweedfs.bucket, Key=name, UploadId=upload_id)


@pytest.mark.anyio
async def test_an_upload_that_cannot_be_ended_now_is_ended_once_the_server_is_back(own_seaweedfs):
    place = own_seaweedfs
    async with place.opened(part_size=PART) as store:
        writer = store.write(KEY, replace=True)
        await writer.write(lambda: [BODY])
        await writer.write(lambda: [b"more"])
        place.running.kill()
        with pytest.raises(AegisError) as caught:
            await writer.write(lambda: [BODY])
            await writer.commit()
        assert caught.value.code is ErrorCode.UNAVAILABLE
        await writer.aclose()
        assert (await store.health()).state == "down"
        place.running.start()
        assert len(place.unended()) == 1
        ends = SYSTEM_CLOCK.monotonic() + 20
        while (await store.health()).state != "up" or place.unended():
            assert SYSTEM_CLOCK.monotonic() < ends
            await anyio.sleep(0.05)
        await put(store, KEY, BODY)
        assert await get(store, KEY) == BODY
