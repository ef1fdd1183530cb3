"""The storage kit on real servers: objects of one request, and objects in parts."""

from contextlib import asynccontextmanager
from functools import partial

import pytest

from aegis_core.testing.kit import pytest_cases
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
# Parts below S3's five MiB, which SeaweedFS does not insist on: whatever the kit writes goes in parts.
PARTS = {"seaweedfs-parts": harness("seaweedfs", part_size=512, parallel=2, checksum="sha256")}
_IN_PARTS = (
    "survives_cancellation_at_every_wait",
    "lets_one_of_many_creators_win",
    "lets_one_of_many_replacers_win",
    "creates_only_what_is_absent",
    "calls_each_make_once_in_order",
    "publishes_nothing_when_make_raises",
)


@pytest.fixture(autouse=True)
def _servers(request, aegis_server, new_place):
    name = request.node.name
    for server in ("seaweedfs", "moto"):
        if server in name:
            RUNNING[server] = partial(new_place, aegis_server(server))


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(storage_kit, HARNESSES))
async def test_it_keeps_the_promises_of_its_port(check):
    await check()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check", [each for each in pytest_cases(storage_kit, PARTS) if each.id.partition("parts-")[2] in _IN_PARTS]
)
async def test_it_keeps_them_for_objects_in_parts(check):
    await check()
