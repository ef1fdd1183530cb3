"""The storage kit on real servers."""

from contextlib import asynccontextmanager
from functools import partial

import pytest

from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.storage import storage_kit

RUNNING = {}


def harness(server, **options):
    @asynccontextmanager
    async def enter():
        place = RUNNING[server](**options)
        yield place
        place.close()

    return enter


HARNESSES = {
    "seaweedfs": harness("seaweedfs"),
    "seaweedfs-create": harness("seaweedfs", conditional="create"),
    "moto": harness("moto"),
    "moto-none": harness("moto", conditional="none", checksum="md5"),
}
SUBJECTS = {
    "seaweedfs": Subject("s3", "seaweedfs", "names=flat"),
    "seaweedfs-create": Subject("s3", "seaweedfs", "names=flat conditional=create"),
    "moto": Subject("s3", "moto"),
    "moto-none": Subject("s3", "moto", "conditional=none checksum=md5"),
}


@pytest.fixture(autouse=True)
def _servers(request, aegis_server, new_place):
    name = request.node.name
    for server in ("seaweedfs", "moto"):
        if server in name:
            RUNNING[server] = partial(new_place, aegis_server(server))


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(storage_kit, HARNESSES, SUBJECTS))
async def test_it_keeps_the_promises_of_its_port(check):
    await check()
