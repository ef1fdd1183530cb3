"""The kit of faults, for objects and for keys: the server down, gone, still, strange, full, or not the one meant."""

from contextlib import asynccontextmanager

import boto3.session
import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.storage.model import Key
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.faults import WRONG_SECRET, Faults, faults_kit
from aegis_core.testing.kits.storage_harness import put
from aegis_s3 import AwsKms
from aegis_s3.reach import Reach

CURRENT = {}


def reach(running, port, *, authority=None, environment="development", secret=None):
    facts = running.endpoint.facts
    scheme = "http" if authority is None else "https"
    return Reach(
        endpoint=f"{scheme}://127.0.0.1:{port}",
        authorities=authority,
        environment=environment,
        session=boto3.session.Session(facts["access_key"], secret or facts["secret_key"], region_name=facts["region"]),
    )


class Objects:
    def __init__(self, place):
        self.place = place
        self.capabilities = Faults(credentials=place.is_seaweedfs, tls=True)
        self.upstream = place.running.endpoint.port

    def make(self, port, *, environment="development", **how):
        return self.place.make(
            reach=reach(self.place.running, port, environment=environment, **how),
            deps=AdapterDeps(environment=environment),
        )

    async def call(self, store):
        await put(store, Key("_/one"), b"x")

    def mistaken(self, port):
        return self.make(port, secret=WRONG_SECRET)

    def greet(self, connection):
        return True


class Keys:
    capabilities = Faults(tls=True)

    def __init__(self, running):
        self.running = running
        self.upstream = running.endpoint.port
        facts = running.endpoint.facts
        session = boto3.session.Session(facts["access_key"], facts["secret_key"], region_name=facts["region"])
        client = session.client("kms", endpoint_url=running.endpoint.url)
        self.key = client.create_key()["KeyMetadata"]["KeyId"]
        client.close()

    def make(self, port, *, environment="development", **how):
        return AwsKms(self.key, reach=reach(self.running, port, environment=environment, **how))

    async def call(self, vault):
        await vault.wrap(bytes(32), context={"tenant": "clinic-a"})

    def greet(self, connection):
        return True


def objects(server):
    @asynccontextmanager
    async def enter():
        place = CURRENT[server]()
        yield Objects(place)
        place.close()

    return enter


@asynccontextmanager
async def keys():
    yield Keys(CURRENT["keys"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check",
    pytest_cases(
        faults_kit,
        {"seaweedfs": objects("seaweedfs"), "moto": objects("moto"), "kms": keys},
        {
            "seaweedfs": Subject("s3", "seaweedfs", "names=flat"),
            "moto": Subject("s3", "moto"),
            "kms": Subject("awskms", "moto"),
        },
    ),
)
async def test_a_server_that_is_not_as_it_should_be_has_a_code_and_an_end(check, request, aegis_server, new_place):
    if "kms" in request.node.name:
        CURRENT["keys"] = aegis_server("moto")
    else:
        name = "moto" if "moto" in request.node.name else "seaweedfs"
        running = aegis_server(name)
        CURRENT[name] = lambda: new_place(running)
    await check()
