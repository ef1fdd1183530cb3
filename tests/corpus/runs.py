"""One run of an application: protected or bare, in a folder of its own; what it carried, and what leaked."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from tests.architecture.tree import ROOT
from tests.corpus import case as cases
from tests.corpus.case import Case
from tests.corpus.queue import carry_by_queue
from tests.corpus.scripts import carry_alone
from tests.corpus.search import Search
from tests.corpus.web import serve

_CONF: Final = "python:tests.corpus.apps.gunicorn_conf"


@attrs.frozen
class App:
    """A real application.

    Arguments:
        carry: carries its cases, in a folder, with an environment; gives the ids of those that were carried.
        server: what it needs, by its name in `aegis_core.testing.servers`.
    """

    carry: Callable[[Path, Mapping[str, str]], set[str]]
    server: str = ""


@attrs.frozen
class Run:
    """What came of an application's cases.

    Arguments:
        carried: ids of the cases that the application says it carried.
        leaked: where the value of a case was found, by the case's id.
    """

    cases: Mapping[str, Case] = attrs.field(repr=False)
    carried: frozenset[str]
    leaked: Mapping[str, frozenset[str]]


def _served(*command: str) -> App:
    return App(partial(serve, [sys.executable, "-m", *command]))


APPS: Final[dict[str, App]] = {
    "core": App(partial(carry_alone, "tests.corpus.apps.core_app")),
    "fastapi": _served("tests.corpus.apps.fastapi_app"),
    "flask": _served("gunicorn", "-c", _CONF, "tests.corpus.apps.flask_app:app"),
    "django": _served("gunicorn", "-c", _CONF, "tests.corpus.apps.django_site:wsgi"),
    "django-debug": _served("tests.corpus.apps.django_site"),
    "celery": App(carry_by_queue, "valkey"),
    "celery-unsealed": App(partial(carry_by_queue, with_bodies=False), "valkey"),
    "sqlite": App(partial(carry_alone, "tests.corpus.apps.sqlalchemy_app")),
    "sentry": App(partial(carry_alone, "tests.corpus.apps.sentry_app")),
    "opentelemetry": App(partial(carry_alone, "tests.corpus.apps.opentelemetry_app")),
    "postgresql": App(partial(carry_alone, "tests.corpus.apps.sqlalchemy_app"), "postgres"),
}


def run(app: str, folder: Path, /, *, is_bare: bool, server: str = "") -> Run:
    """Run an application in an empty folder, and search all that it wrote.

    Arguments:
        server: the address of the server that it needs.
    """
    written = folder / "written"
    written.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "CORPUS_", "PYTEST_"))}
    environ = {
        **kept,
        "AEGIS_ENV": "test",
        "CORPUS_APP": app,
        "CORPUS_BARE": "1" if is_bare else "0",
        "CORPUS_CARRIED": str(folder / "carried"),
        "CORPUS_CASES": str(folder / "cases.json"),
        "CORPUS_SEED": cases.SEED,
        "CORPUS_SERVER": server,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
    carried = APPS[app].carry(written, environ)
    dealt = cases.read(folder / "cases.json")
    leaked = Search({case.id: case.needle for case in dealt.values()}).look(written)
    return Run(dealt, frozenset(carried), {id_: frozenset(places) for id_, places in leaked.items()})
