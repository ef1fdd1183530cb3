"""Further stores by name and by tenant: each object lies where the variable says, and nowhere else."""

import os

import anyio
import pytest

from aegis_core.app import Aegis
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks import Purpose
from aegis_core.storage import Storage
from examples.clinic.home import Home
from examples.on_servers.services import object_client

NURSE = Principal("nurse", verified_by="badge")


@pytest.fixture
def buckets(place, lead):
    """The clinic's bucket, and two more; everything else lies on this machine."""
    client = object_client(place.servers["s3"])
    url = place.environ["AEGIS_STORAGE"]
    for name in ("images", "eu"):
        client.create_bucket(Bucket=f"{place.name}-{name}")
    lead(
        "AEGIS_STORAGE",
        AEGIS_STORAGE__IMAGES=url.replace(place.name, f"{place.name}-images"),
        AEGIS_STORAGE__TENANT_EU=url.replace(place.name, f"{place.name}-eu"),
    )

    def holds(name=""):
        listed = client.list_objects_v2(Bucket=f"{place.name}-{name}" if name else place.name)
        keys = [each["Key"] for each in listed.get("Contents", [])]
        return {key: client.get_object(Bucket=listed["Name"], Key=key)["Body"].read() for key in keys}

    holds.client = client
    yield holds
    client.close()


def at_work(tenant=None):
    return acting(NURSE, purpose=Purpose.TREATMENT, tenant=tenant)


def run(work, home):
    async def opened():
        async with Aegis(Home.at(home, os.environ).settings).open() as aegis:
            await work(aegis)

    anyio.run(opened)


def test_an_object_of_a_tenant_lies_in_the_tenants_bucket_only(buckets, tmp_path, place):
    async def work(aegis):
        with at_work("eu"):
            await aegis.storage.upload("scan", b"of the eu")
            assert await aegis.storage.download("scan") == b"of the eu"
        with at_work("us"):
            await aegis.storage.upload("scan", b"of the us")
            assert await aegis.storage.download("scan") == b"of the us"
        with at_work():
            with pytest.raises(AegisError) as caught:
                await aegis.storage.download("scan")
            assert caught.value.code is ErrorCode.NOT_FOUND

    run(work, tmp_path)
    assert list(buckets("eu")) == ["eu.scan"]  # flat names: no folders in them
    assert list(buckets()) == ["us.scan"]
    assert buckets("images") == {}
    for bodies in (buckets("eu"), buckets()):
        assert all(b"of the " not in body for body in bodies.values())


def test_an_object_carried_to_another_tenants_bucket_cannot_be_read_there(buckets, tmp_path, place):
    async def work(aegis):
        with at_work("eu"):
            await aegis.storage.upload("scan", b"of the eu")
        ((key, body),) = buckets("eu").items()
        buckets.client.put_object(Bucket=place.name, Key=key.replace("eu.", "us.", 1), Body=body)
        with at_work("us"):
            with pytest.raises(AegisError) as caught:
                await aegis.storage.download("scan")
            assert caught.value.code is ErrorCode.INTEGRITY
            assert [info.key async for info in aegis.storage.list()] == ["scan"]
            await aegis.storage.delete("scan")

    run(work, tmp_path)
    assert len(buckets("eu")) == 1


def test_a_named_store_is_asked_for_by_name_and_keeps_its_objects_apart(buckets, tmp_path):
    async def work(aegis):
        images = aegis.get(Storage, name="images")
        with at_work():
            await images.upload("scan", b"an image")
            await aegis.storage.upload("scan", b"a letter")
            assert await images.download("scan") == b"an image"
            assert await aegis.storage.download("scan") == b"a letter"

    run(work, tmp_path)
    assert len(buckets("images")) == len(buckets()) == 1
    assert buckets("eu") == {}
