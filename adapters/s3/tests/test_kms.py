"""AWS KMS as a key vault: the port's kit on moto's, and what is told of keys."""

import traceback
from contextlib import asynccontextmanager

import boto3.session
import pytest

from aegis_core.crypto.port import WrappedKey
from aegis_core.crypto.wrapping import context_octets
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.keys import keys_kit
from aegis_s3 import AwsKms
from aegis_s3.kms import _sum, from_url
from aegis_s3.reach import Reach

CURRENT = {}


class Harness:
    capabilities = AwsKms.capabilities

    def __init__(self, running):
        facts = running.endpoint.facts
        self.url = running.endpoint.url
        self.session = boto3.session.Session(facts["access_key"], facts["secret_key"], region_name=facts["region"])
        self.client = self.session.client("kms", endpoint_url=self.url)
        self.alias = f"alias/aegis-{id(self)}"
        self.client.create_alias(AliasName=self.alias, TargetKeyId=self.new_key())

    def new_key(self):
        return self.client.create_key()["KeyMetadata"]["KeyId"]

    def make(self, key=None, **reach):
        return AwsKms(key or self.alias, reach=Reach(**{"endpoint": self.url, "session": self.session, **reach}))

    async def rotate(self, _vault):
        self.client.update_alias(AliasName=self.alias, TargetKeyId=self.new_key())

    def close(self):
        self.client.close()


@pytest.fixture
def harness(aegis_server):
    harness = Harness(aegis_server("moto"))
    yield harness
    harness.close()


@asynccontextmanager
async def on_moto():
    harness = Harness(CURRENT["moto"])
    yield harness
    harness.close()


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(keys_kit, {"moto": on_moto}, {"moto": Subject("awskms", "moto")}))
async def test_it_keeps_the_promises_of_its_port(check, aegis_server):
    CURRENT["moto"] = aegis_server("moto")
    await check()


@pytest.mark.anyio
async def test_a_missing_key_and_a_dead_server_have_codes_of_their_own(harness):
    with pytest.raises(AegisError) as caught:
        await harness.make("alias/nobody").open()
    assert caught.value.code is ErrorCode.NOT_FOUND
    with pytest.raises(AegisError) as caught:
        await harness.make(endpoint="http://127.0.0.1:9").open()
    assert caught.value.code is ErrorCode.UNAVAILABLE
    with pytest.raises(AegisError) as caught:
        await harness.make(session=boto3.session.Session(region_name="us-east-1")).open()
    assert caught.value.code is ErrorCode.PERMISSION_DENIED


@pytest.mark.anyio
async def test_a_failed_call_shows_no_key_not_even_in_its_cause(harness):
    vault = harness.make()
    await vault.open()
    with using(Context(expires_at=SYSTEM_CLOCK.monotonic() - 1)), pytest.raises(AegisError) as caught:
        await vault.wrap(b"a-key-of-24-bytes-or-so!", context={})
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    inner = shown.partition("aegis_s3/kms.py")[2]
    assert inner
    assert "a-key-of-24" not in inner
    await vault.aclose()


@pytest.mark.anyio
async def test_the_server_itself_refuses_another_context_and_another_key(harness):
    vault = harness.make()
    await vault.open()
    wrapped = await vault.wrap(bytes(32), context={"tenant": "a"})
    sealed = wrapped.blob[17:]
    other = harness.client.describe_key(KeyId=harness.new_key())["KeyMetadata"]["Arn"]
    for key_id, context in ((wrapped.key_id, {"tenant": "b"}), (other, {"tenant": "a"})):
        bound = context_octets(context, adapter="")
        forged = WrappedKey(key_id, b"\1" + _sum(key_id, bound, sealed) + sealed)
        with pytest.raises(AegisError) as caught:
            await vault.unwrap(forged, context=context)
        assert caught.value.code in {ErrorCode.INTEGRITY, ErrorCode.PERMISSION_DENIED}
    await vault.aclose()


def test_every_problem_of_the_settings_comes_at_once_and_without_a_value():
    url = "awskms://user:hunter2@phi?nope=1&endpoint=http://kms.example&ca=/nowhere"
    with pytest.raises(SettingsError) as caught:
        from_url(ServiceUrl.parse(url), AdapterDeps(environment="production"))
    assert len(caught.value.problems) == 5
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "awskms://alias/Phi?region=eu-west-1",
        "awskms://1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
)
def test_a_key_is_named_as_kms_names_it(text):
    shown = repr(from_url(ServiceUrl.parse(text), AdapterDeps(environment="production")))
    assert text.partition("?")[0].removeprefix("awskms:").removeprefix("//") in shown
