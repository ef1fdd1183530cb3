"""The server is down, gone, still, strange, not the one meant, or refuses; and what its policy must allow."""

import json
import re
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.faults import WRONG_SECRET, Faults, faults_kit
from aegis_vault import from_url

CONTEXT = {"tenant": "clinic-a"}
CURRENT = {}
_NUMBERS = count()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Transit:
    """A transit engine of one's own on a running OpenBao."""

    def __init__(self, running, folder):
        self.running, self.folder = running, folder
        self.mount = f"faults-{next(_NUMBERS)}"
        self.ask("POST", f"sys/mounts/{self.mount}", {"type": "transit"})
        self.ask("POST", f"{self.mount}/keys/phi", {})
        self.right = self.token_file("right", running.endpoint.facts["token"])

    def ask(self, method, path, body):
        request = urllib.request.Request(
            f"{self.running.endpoint.url}/v1/{path}",
            data=json.dumps(body).encode(),
            method=method,
            headers={"X-Vault-Token": self.running.endpoint.facts["token"]},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def token_file(self, name, token):
        file = Path(self.folder, name)
        file.write_text(token)
        return file

    def make(self, port, *, token_file=None, authority=None, environment="development"):
        scheme, ca = ("http", "") if authority is None else ("https", f"&ca={authority}")
        url = f"vault://{self.mount}/phi?addr={scheme}://127.0.0.1:{port}{ca}&token_file={token_file or self.right}"
        return from_url(ServiceUrl.parse(url), AdapterDeps(environment=environment))


@pytest.fixture
def transit(openbao_server, tmp_path, monkeypatch):
    for name in ("BAO_ADDR", "BAO_TOKEN", "BAO_CACERT", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    return Transit(openbao_server, tmp_path)


class Harness:
    capabilities = Faults(credentials=True, tls=True)

    def __init__(self, transit):
        self._transit = transit
        self.upstream = transit.running.endpoint.port
        self.make = transit.make

    async def call(self, adapter):
        await adapter.wrap(bytes(32), context=CONTEXT)

    def mistaken(self, port):
        return self._transit.make(port, token_file=self._transit.token_file("wrong", WRONG_SECRET))

    def greet(self, connection):
        return True


@asynccontextmanager
async def harness():
    yield Harness(CURRENT["transit"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check", pytest_cases(faults_kit, {"openbao": harness}, {"openbao": Subject("vault", "openbao")})
)
async def test_a_server_that_is_not_as_it_should_be_has_a_code_and_an_end(check, transit):
    CURRENT["transit"] = transit
    await check()


@pytest.mark.anyio
@pytest.mark.instead_of("openbao", "policy")
async def test_the_policy_of_the_readme_is_enough_and_all_of_it_is_needed(transit):
    readme = Path(__file__).parents[1].joinpath("README.md").read_text()
    lines = re.findall(r'path "transit/.*', readme)
    assert len(lines) == 3
    port = transit.running.endpoint.port

    async def tried(given):
        policy = "\n".join(given).replace("transit/", f"{transit.mount}/")
        transit.ask("PUT", f"sys/policies/acl/{transit.mount}", {"policy": policy})
        made = json.loads(transit.ask("POST", "auth/token/create", {"policies": [transit.mount], "no_parent": True}))
        vault = transit.make(port, token_file=transit.token_file("limited", made["auth"]["client_token"]))
        await vault.open()
        wrapped = await vault.wrap(bytes(32), context=CONTEXT)
        assert await vault.unwrap(wrapped, context=CONTEXT) == bytes(32)

    await tried(lines)
    for line in lines:
        with pytest.raises(AegisError) as caught:
            await tried([each for each in lines if each != line])
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
