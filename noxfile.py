"""The sessions that people and CI run: ``nox -l`` lists them. Versions are pinned by ``constraints.txt``."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nox

nox.needs_version = ">=2025.5"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests", "lint", "types"]

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
WORKERS = os.environ.get("PYTEST_WORKERS", "auto")
MATRIX = "docs/reference/capabilities.md"


def adapters() -> list[Path]:
    """The folders of every adapter's distribution; the template is not one."""
    return sorted(file.parent for file in ROOT.glob("adapters/[!_]*/pyproject.toml"))


def install(session: nox.Session, *groups: str, core: bool = True, servers: bool = False) -> None:
    """Install the groups, and the core and adapters editable, unless this environment already has just that.
    With servers: also the packages that bring real ones (300 MB).

    Build back ends are installed first and used as they are: build isolation would fetch unpinned versions.
    """
    wanted: Sequence[str] = nox.project.dependency_groups(PROJECT, "build", *groups)
    files = [ROOT / "constraints.txt", ROOT / "pyproject.toml", *(folder / "pyproject.toml" for folder in adapters())]
    state = hashlib.sha256(repr((ROOT, wanted, core, servers)).encode())
    for file in files:
        state.update(file.read_bytes())
    stamp = Path(session.virtualenv.location, "installed")
    if stamp.is_file() and stamp.read_text() == state.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    session.install("-q", "-c", "constraints.txt", *wanted)
    if core:
        editable = ["-e", ".[fast,testing,servers]" if servers else ".[fast,testing]"]
        for folder in adapters():
            editable += ["-e", str(folder.relative_to(ROOT))]
        session.install("-q", "-c", "constraints.txt", "--no-build-isolation", *editable)
    stamp.write_text(state.hexdigest())


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest. Without any, the capability matrix is compared with what the kits saw."""
    install(session, "tests", servers=True)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    with TemporaryDirectory() as records:
        session.run("pytest", "-n", WORKERS, f"--aegis-records={records}")
        session.run("python", "-m", "aegis_core.testing.matrix", records, "--compare", MATRIX)


@nox.session
def capabilities(session: nox.Session) -> None:
    """Write the capability matrix: run the kits, and the tests of what servers do not check."""
    install(session, "tests", servers=True)
    with TemporaryDirectory() as records:
        session.run("pytest", "-n", WORKERS, f"--aegis-records={records}", "-m", "matrix")
        session.run("python", "-m", "aegis_core.testing.matrix", records, "--write", MATRIX)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the contracts between rooms, changelog fragments and pins."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo", env={"NO_COLOR": "1"})
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)
    session.run("python", "tools/lock.py", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types with mypy and, on the public surface, with basedpyright."""
    install(session, "types")
    packages = [package for folder in adapters() for package in sorted(folder.glob("aegis_*"))]
    session.run("mypy")
    session.run("mypy", *(word for package in packages for word in ("-p", package.name)))
    # Named, or it would look for packages in .venv, where only nox is.
    python = str(Path(session.bin, "python"))
    session.run("basedpyright", "--pythonpath", python)
    session.run("basedpyright", "--pythonpath", python, *(str(package.relative_to(ROOT)) for package in packages))


@nox.session
def demo(session: nox.Session) -> None:
    """Run a morning in a small clinic; an argument names a FHIR bundle or folder to run it on."""
    install(session)
    session.run("python", "-m", "examples.clinic", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure: ``nox -s bench -- [AREA …] [--quick]``. A missed target exits 3, a crash 1."""
    install(session, "bench", servers=True)
    python = Path(session.bin, "python")
    # Not `session.run`: nox would turn every exit code into 1, and a missed target is not a crash.
    ended = subprocess.run([python, "-m", "benchmarks", *session.posargs], cwd=ROOT, check=False)
    if ended.returncode == 3:
        sys.exit(3)
    if ended.returncode:
        session.error(f"the benchmarks ended with exit code {ended.returncode}")


@nox.session
def walk(session: nox.Session) -> None:
    """Do what the pages tell a newcomer, each in a new environment: ``nox -s walk -- [--write] [WORD …]``."""
    install(session, core=False)
    session.run("python", "-m", "tools.walk", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``site/``; a broken link fails."""
    install(session, "docs", core=False)
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def servers(session: nox.Session) -> None:
    """Real servers for people: ``nox -s servers -- list``, ``-- up NAME …`` until Ctrl-C, ``-- demo``: the clinic."""
    install(session, "demo", servers=True)
    command, *arguments = session.posargs or ["list"]
    if command == "demo":
        session.run("python", "-m", "examples.on_servers", *arguments)
    else:
        session.run("python", "-m", "aegis_core.testing.servers", command, *arguments, success_codes=[0, 130])
