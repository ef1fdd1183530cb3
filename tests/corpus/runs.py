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
from tests.corpus.search import Search
from tests.corpus.web import serve

#: Carries an application's cases, in a folder, with an environment; gives the ids of those that were carried.
Carry = Callable[[Path, Mapping[str, str]], set[str]]


@attrs.frozen
class Run:
    """What came of an application's cases.

    Arguments:
        carried: ids of the cases that the application says it carried.
        leaked: where the value of a case was found, by the case's id.
    """

    app: str
    cases: Mapping[str, Case] = attrs.field(repr=False)
    carried: frozenset[str]
    leaked: Mapping[str, frozenset[str]]


def _served(*command: str) -> Carry:
    return partial(serve, [sys.executable, "-m", *command])


APPS: Final[dict[str, Carry]] = {
    "fastapi": _served("tests.corpus.apps.fastapi_app"),
    "flask": _served("gunicorn", "-c", "python:tests.corpus.apps.gunicorn_conf", "tests.corpus.apps.flask_app:app"),
    "django": _served("gunicorn", "-c", "python:tests.corpus.apps.gunicorn_conf", "tests.corpus.apps.django_site:wsgi"),
    "django-debug": _served("tests.corpus.apps.django_site"),
}


def run(app: str, folder: Path, /, *, is_bare: bool) -> Run:
    """Run an application in an empty folder, and search all that it wrote."""
    written = folder / "written"
    written.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "CORPUS_", "PYTEST_"))}
    environ = {
        **kept,
        "CORPUS_SEED": cases.SEED,
        "AEGIS_ENV": "test",
        "CORPUS_APP": app,
        "CORPUS_BARE": "1" if is_bare else "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
    carried = APPS[app](written, environ)
    dealt = cases.read(folder / "cases.json")
    leaked = Search({case.id: case.needle for case in dealt.values()}).look(written)
    return Run(app, dealt, frozenset(carried), {id_: frozenset(places) for id_, places in leaked.items()})
