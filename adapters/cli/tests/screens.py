"""Pictures of doctor for the guide, taken on real servers: ``python adapters/cli/tests/screens.py docs/assets``.

`test_screens.py` takes them anew, and compares all but numbers and ports.
"""

import contextlib
import io
import json
import os
import re
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

import anyio
import boto3.session
from botocore.config import Config
from rich.console import Console

from aegis_cli import output
from aegis_cli.main import run
from aegis_core import Aegis
from aegis_core.testing.servers import CATALOGUE, Running

SERVERS = ("postgres", "seaweedfs", "openbao", "smtp")
_WIDTH = 150


def environment(servers: Mapping[str, Running], schema: str) -> dict[str, str]:
    """What an application on these servers reads."""
    database = f"postgresql://postgres@127.0.0.1:{servers['postgres'].endpoint.port}/postgres?schema={schema}"
    s3 = servers["seaweedfs"].endpoint
    return {
        "AEGIS_ENV": "development",
        "AEGIS_STORAGE": f"s3://records/{schema}?names=flat",
        "AEGIS_AUDIT": database,
        "AEGIS_SUBJECT_KEYS": f"{database}&erases=true",
        "AEGIS_KEYS": "vault://transit/phi",
        "AEGIS_EMAIL": f"smtp://127.0.0.1:{servers['smtp'].endpoint.port}?from=clinic@clinic.example",
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_DEFAULT_REGION": s3.facts["region"],
        "AWS_ACCESS_KEY_ID": s3.facts["access_key"],
        "AWS_SECRET_ACCESS_KEY": s3.facts["secret_key"],
        "VAULT_ADDR": servers["openbao"].endpoint.url,
        "VAULT_TOKEN": servers["openbao"].endpoint.facts["token"],
    }


def prepare(servers: Mapping[str, Running]) -> None:
    """A bucket and a key, as somebody makes them once for an application."""
    s3 = servers["seaweedfs"].endpoint
    client = boto3.session.Session(
        s3.facts["access_key"], s3.facts["secret_key"], region_name=s3.facts["region"]
    ).client("s3", endpoint_url=s3.url, config=Config(s3={"addressing_style": "path"}))
    if "records" not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket="records")
    bao = servers["openbao"].endpoint
    for path, body in (("sys/mounts/transit", {"type": "transit"}), ("transit/keys/phi", {})):
        request = urllib.request.Request(
            f"{bao.url}/v1/{path}",
            data=json.dumps(body).encode(),
            method="POST",
            headers={"X-Vault-Token": bao.facts["token"]},
        )
        with contextlib.suppress(urllib.error.HTTPError):  # it is there
            urllib.request.urlopen(request, timeout=10).close()


async def _morning() -> None:
    async with Aegis(only=("keys", "audit", "storage", "notify")).open() as aegis:
        for number in range(3):
            await aegis.storage.upload(f"lab/{number}.pdf", b"report", replace=True)
        await aegis.audit.checkpoint()


def pictures(servers: Mapping[str, Running], schema: str) -> dict[str, str]:
    """Name of the file → SVG."""
    prepare(servers)
    good = environment(servers, schema)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = taken.getsockname()[1]
    with _environment(good):
        anyio.run(_morning)
    down = {"AEGIS_EMAIL": f"smtp://127.0.0.1:{nobody}?from=clinic@clinic.example", "VAULT_TOKEN": "expired"}
    wrong = {"AEGIS_STORAGE": "s4://records", "AEGIS_LOG_LEVEL": "loud", "AEGIS_STORAG": "s3://records"}
    return {
        "doctor.svg": _picture("aegis doctor", good),
        "doctor-down.svg": _picture("aegis doctor", good | down),
        "doctor-wrong.svg": _picture("aegis doctor", good | wrong),
    }


@contextlib.contextmanager
def _environment(environ: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AEGIS_", "AWS_", "VAULT_", "BAO_", "PG")):
            del os.environ[name]
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _picture(command: str, environ: Mapping[str, str]) -> str:
    recorded = Console(
        record=True, file=io.StringIO(), width=_WIDTH, force_terminal=True, color_system="truecolor",
        markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
    real = output.console
    output.console = lambda *, to_stderr=False, **_: real(to_stderr=True) if to_stderr else recorded
    try:
        with _environment(environ):
            recorded.print(f"$ {command}", style="bold")
            code = run(command.split()[1:])
            recorded.print(f"$ echo $?\n{code}", style="bold")
    finally:
        output.console = real
    svg = recorded.export_svg(title=command, unique_id="screen")
    # The fonts would be fetched from elsewhere: the reader's own will do.
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def text_of(svg: str) -> list[str]:
    """What a picture says, without what differs from run to run."""
    texts = (unescape(text).replace("\xa0", " ") for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    return [re.sub(r"[0-9]+", "#", re.sub(r"\s+", " ", text)).strip() for text in texts if text.strip()]


def main(folder: Path) -> None:
    """Start the servers, and write the pictures."""
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as empty:
        servers = {name: stack.enter_context(Running(CATALOGUE[name])) for name in SERVERS}
        target = folder.resolve()
        os.chdir(empty)
        for name, svg in pictures(servers, "clinic").items():
            (target / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
