"""One server of each kind and one bucket for the whole run; a prefix of its own for every test."""

import itertools
import os
from contextlib import asynccontextmanager

import boto3.session
import pytest
from botocore.config import Config

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_s3.reach import Reach
from aegis_s3.storage import Rules, S3Storage

_NUMBERS = itertools.count()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Place:
    """A prefix that nobody else has, and boto3's own client beside the adapter."""

    #: Seconds: an answer to a write has a date, and not the object's own.
    date_tolerance = 2.0

    def __init__(self, running, **rules):
        self.running = running
        self.is_seaweedfs = running.server.name == "seaweedfs"
        self.bucket = "records"
        # Always of one length: how long a key may be follows from it.
        self.prefix = f"t{os.getpid():07}-{next(_NUMBERS):05}/"
        facts = running.endpoint.facts
        self.session = boto3.session.Session(facts["access_key"], facts["secret_key"], region_name=facts["region"])
        self.client = self.session.client(
            "s3",
            endpoint_url=running.endpoint.url,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        if self.bucket not in [each["Name"] for each in self.client.list_buckets()["Buckets"]]:
            self.client.create_bucket(Bucket=self.bucket)
        # moto says of every upload that it began years ago.
        self.rules = {
            "names": "flat" if self.is_seaweedfs else "plain",
            "sweep_after": 86_400.0 if self.is_seaweedfs else None,
            **rules,
        }

    @property
    def capabilities(self):
        return self.make().capabilities

    def make(self, *, session=None, deps=None, clock=SYSTEM_CLOCK, bucket=None, endpoint=None, reach=None, **rules):
        return S3Storage(
            bucket or self.bucket,
            prefix=self.prefix,
            reach=reach or Reach(endpoint=endpoint or self.running.endpoint.url, session=session or self.session),
            rules=Rules(**{**self.rules, **rules}),
            deps=deps or AdapterDeps(clock=clock),
        )

    @asynccontextmanager
    async def opened(self, **options):
        adapter = self.make(**options)
        await adapter.open()
        try:
            yield adapter
        finally:
            await adapter.aclose()

    def unended(self):
        return self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix).get("Uploads", [])

    async def leftovers(self):
        probes = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}=").get("Contents", [])
        return [each["Key"] for each in [*self.unended(), *probes]]

    def close(self):
        self.client.close()


@pytest.fixture(params=["seaweedfs", "moto"])
def place(request, aegis_server):
    place = Place(aegis_server(request.param))
    yield place
    place.close()


@pytest.fixture
def seaweedfs(aegis_server):
    place = Place(aegis_server("seaweedfs"))
    yield place
    place.close()


@pytest.fixture
def own_seaweedfs(aegis_own_server):
    place = Place(aegis_own_server("seaweedfs"))
    yield place
    place.close()


@pytest.fixture(scope="session")
def new_place():
    return Place
