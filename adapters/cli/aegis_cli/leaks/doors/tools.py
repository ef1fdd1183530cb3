"""Debugging that prints what is sent, and test runs whose output is kept."""

import tomllib
from collections.abc import Iterable
from configparser import ConfigParser, Error

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening


def http_client(application: Application) -> Iterable[Opening]:
    """`http.client` prints requests and headers to standard output."""
    client = application.module("http.client").HTTPConnection
    if client.debuglevel:
        yield Opening("http.client.HTTPConnection.debuglevel")


def smtp(application: Application) -> Iterable[Opening]:
    """`smtplib` prints mails to standard error."""
    if application.module("smtplib").SMTP.debuglevel:
        yield Opening("smtplib.SMTP.debuglevel")


def test_locals(application: Application) -> Iterable[Opening] | None:
    """Pytest prints local variables of failed tests, where CI keeps them."""
    found = {
        name: options
        for name in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
        if (options := _addopts(application, name))
    }
    if not found:
        return None
    return [
        Opening("addopts", file=name)
        for name, options in found.items()
        if {"--showlocals", "-l"} & set(options) and "--no-showlocals" not in options
    ]


def _addopts(application: Application, name: str) -> list[str]:
    path = application.here / name
    if not path.is_file():
        return []
    try:
        if name == "pyproject.toml":
            table = tomllib.loads(path.read_text()).get("tool", {}).get("pytest", {})
            options = table.get("ini_options", table).get("addopts", "")
            return options.split() if isinstance(options, str) else list(options)
        parser = ConfigParser(interpolation=None)
        parser.read(path)
        section = "tool:pytest" if name == "setup.cfg" else "pytest"
        return parser.get(section, "addopts", fallback="").split()
    except (Error, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return []


DOORS = (
    Door(
        "http-client.debuglevel",
        ("http.client",),
        "requests with their headers, on standard output",
        "http.client.HTTPConnection.debuglevel = 0",
        http_client,
    ),
    Door(
        "smtplib.debuglevel",
        ("smtplib",),
        "mails with their recipients, on standard error",
        "smtplib.SMTP.debuglevel = 0",
        smtp,
    ),
    Door(
        "pytest.locals",
        (),
        "local variables of failed tests, where CI keeps its output",
        "--no-showlocals",
        test_locals,
    ),
)
