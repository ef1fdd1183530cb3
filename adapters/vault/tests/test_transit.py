"""The transit engine as a key vault: the port's kit on a real OpenBao, its settings, and its faults."""

import json
import urllib.request
from contextlib import asynccontextmanager

import pytest

from aegis_core.crypto.port import WrappedKey
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.keys import keys_kit
from aegis_vault import TransitVault, from_url

CONTEXT = {"tenant": "clinic-a"}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Bao:
    """A running OpenBao with a transit engine, and the environment that leads to it."""

    def __init__(self, running):
        self.running = running
        self.url = running.endpoint.url
        self.token = running.endpoint.facts["token"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"X-Vault-Token": self.token},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def set_up(self):
        if "transit/" not in json.loads(self.ask("GET", "sys/mounts"))["data"]:  # the server is one for all tests
            self.ask("POST", "sys/mounts/transit", {"type": "transit"})
        for key in ("phi", "other"):
            self.ask("POST", f"transit/keys/{key}", {})


@pytest.fixture(scope="module")
def bao(openbao_server):
    found = Bao(openbao_server)
    found.set_up()
    return found


@pytest.fixture
def environ(bao, monkeypatch):
    for name in ("BAO_ADDR", "BAO_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_ADDR", bao.url)
    monkeypatch.setenv("VAULT_TOKEN", bao.token)
    return monkeypatch


def vault(text="vault://transit/phi", **deps):
    return from_url(ServiceUrl.parse(text), AdapterDeps(**deps))


CURRENT = {}


class Harness:
    capabilities = TransitVault.capabilities

    def make(self):
        return vault()

    async def rotate(self, _vault):
        CURRENT["bao"].ask("POST", "transit/keys/phi/rotate", {})


@asynccontextmanager
async def on_openbao():
    yield Harness()


@pytest.mark.anyio
@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    "check", pytest_cases(keys_kit, {"openbao": on_openbao}, {"openbao": Subject("vault", "openbao")})
)
async def test_it_keeps_the_promises_of_its_port(check, bao):
    CURRENT["bao"] = bao
    await check()


@pytest.mark.anyio
@pytest.mark.usefixtures("environ")
async def test_another_key_of_the_engine_opens_nothing():
    wrapped = await vault().wrap(bytes(32), context=CONTEXT)
    other = vault("vault://transit/other")
    forged = WrappedKey("other:v1", wrapped.blob)
    for attempt, code in ((wrapped, ErrorCode.NOT_FOUND), (forged, ErrorCode.INTEGRITY)):
        with pytest.raises(AegisError) as caught:
            await other.unwrap(attempt, context=CONTEXT)
        assert caught.value.code is code


@pytest.mark.anyio
async def test_a_missing_key_a_wrong_token_and_a_dead_server_have_codes_of_their_own(environ):
    for change, code in (
        (("VAULT_TOKEN", "wrong"), ErrorCode.PERMISSION_DENIED),
        (("VAULT_ADDR", "http://127.0.0.1:9"), ErrorCode.UNAVAILABLE),
    ):
        with environ.context() as changed:
            changed.setenv(*change)
            with pytest.raises(AegisError) as caught:
                await vault().open()
            assert caught.value.code is code
            assert change[1] not in str(caught.value)
            assert caught.value.__cause__ is None
    with pytest.raises(AegisError) as caught:
        await vault("vault://transit/nothing").open()
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.anyio
@pytest.mark.usefixtures("environ")
async def test_a_server_that_stands_still_is_unavailable_within_the_deadline(bao):
    from aegis_core.kernel.clock import SYSTEM_CLOCK
    from aegis_core.kernel.context import Context, using

    adapter = vault()
    await adapter.open()
    bao.running.pause()
    try:
        started = SYSTEM_CLOCK.monotonic()
        with using(Context(expires_at=started + 0.5)), pytest.raises(AegisError) as caught:
            await adapter.wrap(bytes(32), context=CONTEXT)
        assert SYSTEM_CLOCK.monotonic() - started < 3
        assert caught.value.code in {ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}
    finally:
        bao.running.resume()
    wrapped = await adapter.wrap(bytes(32), context=CONTEXT)
    assert await adapter.unwrap(wrapped, context=CONTEXT) == bytes(32)


@pytest.mark.anyio
async def test_a_token_that_an_agent_renews_is_seen(environ, bao, tmp_path):
    file = tmp_path / "token"
    environ.delenv("VAULT_TOKEN")
    adapter = vault(f"vault://transit/phi?token_file={file}")
    with pytest.raises(AegisError) as caught:
        await adapter.open()
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    file.write_text(bao.token + "\n")
    await adapter.open()


@pytest.mark.anyio
async def test_a_user_without_a_home_has_no_token_there(environ, monkeypatch):
    environ.delenv("VAULT_TOKEN")
    environ.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody knows it"])
    with pytest.raises(AegisError) as caught:
        await vault().open()
    assert caught.value.code is ErrorCode.PERMISSION_DENIED


@pytest.mark.anyio
@pytest.mark.usefixtures("environ")
async def test_health_says_how_the_server_is(environ):
    assert (await vault().health()).state == "up"
    environ.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert (await vault().health()).state == "down"


def test_every_problem_of_the_settings_comes_at_once_and_without_a_value(monkeypatch):
    for name in ("BAO_ADDR", "VAULT_ADDR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError) as caught:
        vault("vault://user:hunter2@transit/a%20b?nope=1&ca=/nowhere/ca.pem")
    assert len(caught.value.problems) == 5
    assert "hunter2" not in str(caught.value)


def test_plain_http_is_refused_in_production(monkeypatch):
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example:8200")
    with pytest.raises(SettingsError, match="TLS"):
        vault(environment="production")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example:8200")
    assert "phi" in repr(vault(environment="production"))
