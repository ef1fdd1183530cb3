"""A mail server, from the package aiosmtpd."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from aegis_core.testing.servers.binaries import version_of
from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import said
from aegis_core.testing.servers.server import Endpoint, Plan


class Smtp:
    """Takes every mail and keeps it in a Maildir, ``mail/new`` below its folder.

    Arguments:
        keeps: False: forgets it at once, so that what is measured is not its disk.
    """

    name = "smtp"
    source = "aiosmtpd (package index)"
    unchecked: Mapping[str, str] = {
        "form": "the form of a message: bare line feeds, no header at all",
        "eight-bit": "that octets above 127 are announced (`BODY=8BITMIME`)",
        "recipient": "whether a recipient exists",
    }

    def __init__(self, *, keeps: bool = True) -> None:
        self._keeps = keeps

    def product(self) -> str:
        return f"aiosmtpd {version_of('aiosmtpd')}".strip()

    def missing(self) -> str:
        return "" if find_spec("aiosmtpd") else "pip install aiosmtpd"

    def prepare(self, folder: Path, ports: Ports, /) -> Plan:
        port = ports.take()
        mail = folder / "mail"
        handler = ("aiosmtpd.handlers.Mailbox", str(mail)) if self._keeps else ("aiosmtpd.handlers.Sink",)
        command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", *handler]
        endpoint = Endpoint(port, f"smtp://127.0.0.1:{port}", {"maildir": str(mail)})
        return Plan(command, endpoint, lambda: said(port, expected=b"220 "))
