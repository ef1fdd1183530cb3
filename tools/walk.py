"""Walk through the pages as a newcomer does: ``python -m tools.walk [--write] [WORD …]``, or ``nox -s walk -- …``.

Each walk has a virtual environment of its own, installs what its page says and nothing else (our distributions from
wheels that are built first, those of others as ``constraints.txt`` pins them), and runs what the page shows, in an
empty folder, with no way to the checkout. What is printed must be what the page shows; ``…`` stands for anything.
Words choose walks whose names contain one of them; ``--write`` writes the pictures of ``docs/assets`` anew.
Exit code 0: all as shown; 1: a walk failed; 2: no walk is called so.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools.guides import blocks_of, installs_of, program_of, sections_of, with_what_it_builds_on

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guides" / "ten-lines.md"
TESTING = ROOT / "docs" / "guides" / "testing.md"
LEAKY = ROOT / "examples" / "leaky"
ASSETS = ROOT / "docs" / "assets"
PICTURE = ROOT / "tools" / "leaks_picture.py"

#: Adapters for frameworks, whose READMEs begin with an application, and for servers, which are loaded by their URLs.
DRIVING = ("celery", "django", "fastapi", "flask", "opentelemetry", "sentry", "sqlalchemy")
DRIVEN = ("postgres", "s3", "smtp", "vault")
LOADED = """
from importlib.metadata import distribution

for point in distribution("aegis-health-{}").entry_points:
    print(point.load().__name__)
"""
#: What makes Django import the files of its README.
DJANGO = """
import os, sys

sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django

django.setup()

import wards.views
"""


class Step(NamedTuple):
    """A command, and what it shall print, on both channels together."""

    command: tuple[str, ...]
    shown: str
    code: int = 0
    page: Path | None = None  #: a generated file, all of which this is


class Walk(NamedTuple):
    """What a newcomer installs, writes into files and runs."""

    name: str
    installs: tuple[str, ...]
    files: dict[str, str]
    steps: tuple[Step, ...]


class Outcome(NamedTuple):
    """How a walk went."""

    packages: int
    seconds: float
    problem: str  #: empty: as the page shows


def guide_walks() -> Iterator[Walk]:
    """Each section of the guide of ten lines that has a program, after those that it builds on."""
    page = sections_of(GUIDE.read_text(encoding="utf-8"))
    for section in page:
        alone = [block.text for block in section.blocks if block.kind == "py"]
        sections = (section,) if alone else with_what_it_builds_on(section, page)
        program = "\n".join(alone) or program_of(sections)
        if program:
            shown = "".join(block.text for each in sections for block in each.blocks if block.kind in {"json", "text"})
            installs = dict.fromkeys(name for each in sections for name in each.installs)
            step = Step(("python", "-I", "-u", "program.py"), shown)
            yield Walk(f"ten-lines/{section.name}", tuple(installs), {"program.py": program}, (step,))


def testing_walk() -> Walk:
    """Each block of the guide of tests as the file that it is; of one that fails the page shows how."""
    text = TESTING.read_text(encoding="utf-8")
    files: dict[str, str] = {}
    steps: list[Step] = []
    for block in blocks_of(text):
        if block.kind == "python":
            file = f"test_{len(files) + 1}.py"
            files[file] = block.text
            steps.append(Step(("python", "-I", "-m", "pytest", "-q", file), "… passed in …"))
        else:
            steps[-1] = Step(steps[-1].command, f"…{block.text.strip()}…1 failed, … passed in …", code=1)
    return Walk("testing", installs_of(text), files, tuple(steps))


def readme_walks() -> Iterator[Walk]:
    """The application in the README of the core, and of each adapter for a framework, as it is imported."""
    for name in ("core", *DRIVING):
        file = ROOT / "README.md" if name == "core" else ROOT / "adapters" / name / "README.md"
        text = file.read_text(encoding="utf-8")
        blocks = [block.text for block in blocks_of(text) if block.kind == "python"]
        files = {"program.py": "\n".join(blocks)}
        if name == "django":
            files = {block.partition("\n")[0].removeprefix("# "): block for block in blocks}
            files["program.py"] = DJANGO
        installs = installs_of(text.partition("```python")[0])
        yield Walk(f"readme/{name}", installs, files, (Step(("python", "-I", "-u", "program.py"), ""),))


def driven_walks() -> Iterator[Walk]:
    """What the entry points of each adapter for a server name, loaded where nothing else is installed."""
    for name in DRIVEN:
        text = (ROOT / "adapters" / name / "README.md").read_text(encoding="utf-8")
        step = Step(("python", "-I", "program.py"), "from_url…")
        yield Walk(f"readme/{name}", installs_of(text), {"program.py": LOADED.format(name)}, (step,))


def leaks_walks() -> Iterator[Walk]:
    """`aegis leaks` on each application that leaks, beside nothing but what that application needs."""
    readme = (LEAKY / "README.md").read_text(encoding="utf-8")
    for installs, file in re.findall(r"(pip install .+)\n +aegis leaks examples/leaky/(\w+\.py)", readme):
        name = Path(file).stem
        page = ASSETS / f"leaks-{name}.svg"
        files = {file: (LEAKY / file).read_text(encoding="utf-8"), PICTURE.name: PICTURE.read_text(encoding="utf-8")}
        steps = (
            Step(("aegis", "leaks", file), "…doors are open…", code=1),
            Step(("aegis", "lint", file), f"{file}:…: AEG0…", code=1),
            Step(("python", "-I", PICTURE.name, file), page.read_text(encoding="utf-8"), page=page),
        )
        yield Walk(f"leaks/{name}", installs_of(installs), files, steps)


class Wheels(NamedTuple):
    """Our distributions, as pip is told of them: by address, for an index may have a higher version of a name."""

    addresses: dict[str, str]
    constraints: Path  #: every pin of others, and these addresses

    def of(self, requirement: str) -> str:
        """A requirement as it is handed to pip, which takes no extras from a constraint."""
        address = self.addresses.get(requirement.partition("[")[0])
        return f"{requirement} @ {address}" if address else requirement


def build(folder: Path) -> Wheels:
    """Build a wheel of every distribution."""
    projects = [ROOT, *sorted(file.parent for file in ROOT.glob("adapters/[!_]*/pyproject.toml"))]
    command = [sys.executable, "-m", "pip", "wheel", "-qqq", "--no-deps", "--no-build-isolation", "-w"]
    subprocess.run([*command, folder, *projects], check=True)
    addresses = {wheel.name.partition("-")[0].replace("_", "-"): wheel.as_uri() for wheel in folder.glob("*.whl")}
    constraints = folder / "constraints.txt"
    lines = [(ROOT / "constraints.txt").read_text(), *(f"{name} @ {address}" for name, address in addresses.items())]
    constraints.write_text("\n".join(lines))
    return Wheels(addresses, constraints)


def run(walk: Walk, wheels: Wheels, *, write: bool = False) -> Outcome:
    """Go one walk."""
    started = time.perf_counter()
    with TemporaryDirectory(prefix="aegis-walk-") as folder:
        venv, here = Path(folder, "venv"), Path(folder, "here")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        for name, text in walk.files.items():
            Path(here, name).parent.mkdir(parents=True, exist_ok=True)
            Path(here, name).write_text(text, encoding="utf-8")
        # Neither PYTHONPATH nor any setting of the caller.
        clean = {"PATH": f"{venv}/bin:/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"}
        problem = _install(venv, map(wheels.of, walk.installs), wheels.constraints) if walk.installs else ""
        for step in walk.steps:
            problem = problem or _problem(step, here, clean, write=write)
        packages = len(list(venv.glob("lib/python*/site-packages/*.dist-info")))
        return Outcome(packages, time.perf_counter() - started, problem)


def _install(venv: Path, requirements: Iterable[str], constraints: Path) -> str:
    """What pip said if it could not; it alone keeps the caller's environment, which says how to reach an index."""
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "-qqq", "--no-compile"]
    ended = subprocess.run(
        [*pip, "-c", constraints, *requirements],
        cwd=venv, env={name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return ended.stdout if ended.returncode else ""


def _problem(step: Step, here: Path, environment: dict[str, str], *, write: bool) -> str:
    """What is not as it was shown."""
    program = Path(environment["PATH"].partition(":")[0], step.command[0])
    ended = subprocess.run(
        [program, *step.command[1:]], cwd=here, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
    )  # fmt: skip
    if ended.returncode == step.code:
        if write and step.page:
            step.page.write_text(ended.stdout, encoding="utf-8")
            return ""
        if is_as_shown(ended.stdout, step.shown):
            return ""
        if step.page:
            return f"{step.page.relative_to(ROOT)} is not of today: nox -s walk -- --write leaks\n"
    command = " ".join(step.command)
    return f"$ {command}\n{ended.stdout}exit {ended.returncode}\n\nthe page shows\n{step.shown}exit {step.code}\n\n"


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether a text is the one that a page shows: lines of JSON by what they say, and ``…`` stands for anything."""
    wanted, told = ("\n".join(map(_line, text.splitlines())) for text in (shown, printed))
    return re.fullmatch(".*".join(map(re.escape, wanted.split("…"))), told, re.DOTALL) is not None


def _line(line: str) -> str:
    try:
        return json.dumps(json.loads(line), sort_keys=True)
    except ValueError:
        return line.rstrip()


def every_walk() -> list[Walk]:
    """All of them, in the order in which they are told."""
    return [*guide_walks(), testing_walk(), *readme_walks(), *driven_walks(), *leaks_walks()]


def main() -> int:
    """See the module."""
    words = [word for word in sys.argv[1:] if word != "--write"]
    write = "--write" in sys.argv
    every = every_walk()
    chosen = [walk for walk in every if not words or any(word in walk.name for word in words)]
    if not chosen:
        print("no walk is called so; there are " + ", ".join(walk.name for walk in every), file=sys.stderr)
        return 2
    started = time.perf_counter()
    failed = 0
    with TemporaryDirectory(prefix="aegis-wheels-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        wheels = build(Path(folder))
        print(f"wheels built in {time.perf_counter() - started:.1f} s")
        for walk, outcome in zip(chosen, pool.map(lambda walk: run(walk, wheels, write=write), chosen), strict=True):
            failed += bool(outcome.problem)
            result = "FAILED" if outcome.problem else "ok"
            print(
                f"{walk.name:40} {outcome.packages:3} packages {outcome.seconds:5.1f} s  {result:6}"
                f"  pip install {' '.join(walk.installs)}\n{outcome.problem}",
                end="", flush=True,
            )  # fmt: skip
    print(f"{len(chosen)} walks, {failed} failed, {time.perf_counter() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
