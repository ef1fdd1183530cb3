"""Several hosts on one trail: nothing lost, nothing doubled, whatever their clocks say and whichever of them dies."""

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_postgres import Address

HOST = Path(__file__).with_name("host.py")
SKEWS = (0, 3600, -3600)
COUNT = 60


def start(place, keys, writer, skew, count=COUNT):
    port = str(place.address.port)
    return subprocess.Popen(
        [sys.executable, HOST, port, place.address.schema, keys, str(count), str(writer), str(skew)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def begin(hosts):
    for host in hosts:
        assert host.stdout.readline() == "open\n"
    for host in hosts:
        host.stdin.write("\n")
        host.stdin.flush()


@pytest.fixture(scope="module")
def host():
    spec = importlib.util.spec_from_file_location("postgres_host", HOST)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # attrs looks its module up
    spec.loader.exec_module(module)
    return module


async def recorded(host, place, keys):
    ring, trail = host.services(place.address, keys)
    async with ring, trail:
        checkpoint = await trail.checkpoint()
        verdict = await trail.verify()
        events = [event async for event in trail.entries()]
    assert checkpoint.size == len(events)
    return events, verdict


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_three_hosts_with_clocks_an_hour_apart_keep_one_log(host, place, tmp_path):
    hosts = [start(place, tmp_path / "keys", writer, skew) for writer, skew in enumerate(SKEWS)]
    begin(hosts)
    said = [host.communicate(timeout=100)[0].split() for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0, 0]
    events, verdict = await recorded(host, place, tmp_path / "keys")
    ids = Counter(str(event.event_id) for event in events)
    assert ids == Counter(line for lines in said for line in lines)
    assert set(ids.values()) == {1}
    assert len(ids) == 3 * COUNT
    assert {finding.kind.value for finding in verdict.findings} <= {"order"}
    assert verdict.size == 3 * COUNT


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_host_that_is_killed_leaves_no_gap_and_loses_nothing_it_acknowledged(host, place, tmp_path):
    hosts = [start(place, tmp_path / "keys", writer, 0, count) for writer, count in enumerate((600, COUNT))]
    begin(hosts)
    dying, living = hosts
    acknowledged = [dying.stdout.readline().strip() for _ in range(25)]
    dying.kill()
    acknowledged += [line.strip() for line in dying.stdout.readlines() if len(line) == 37]
    dying.wait(20)
    dying.stdin.close()
    dying.stdout.close()
    acknowledged += living.communicate(timeout=100)[0].split()
    assert living.returncode == 0
    events, verdict = await recorded(host, place, tmp_path / "keys")
    ids = Counter(str(event.event_id) for event in events)
    assert set(acknowledged) <= set(ids)
    assert set(ids.values()) == {1}
    assert [event.index for event in events] == list(range(len(events)))
    assert verdict.intact


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_hosts_survive_a_server_that_is_killed_and_brought_back(host, aegis_own_server, tmp_path):
    running = aegis_own_server("postgres")
    address = Address("127.0.0.1", "postgres", running.endpoint.port, "postgres")
    ring, trail = host.services(address, tmp_path / "keys")
    done = []
    async with ring, trail:
        events = [host.Visited(0, number) for number in range(30)]
        for number, event in enumerate(events):
            if number == 10:
                running.kill()
            if number == 15:
                running.start()
            try:
                done.append((await trail.record(event)).event_id)
            except AegisError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
        again = [(await trail.record(event)).event_id for event in events if event.event_id not in done]
        assert len(again) >= 5
        stored = [event.event_id async for event in trail.entries()]
        await trail.checkpoint()
        assert (await trail.verify()).intact
    assert Counter(stored) == Counter(done + again)
