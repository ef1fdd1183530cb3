"""Write ``constraints.txt`` anew: the exact version of everything that the nox sessions install, and nothing else.

Run it with Python 3.11 and a pip of 23 or newer: ``python tools/lock.py``. It asks pip to resolve the core, its extras,
every adapter and every dependency group together, without installing; no address of any index gets into the file.
``--check`` only compares, and exits 1 when the file does not pin what a session needs.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "constraints.txt"
HEADER = "# Every version that a session installs. Written by tools/lock.py; do not edit.\n"


def requirements() -> Iterator[str]:
    """Everything that anyone asks for: the core, its extras, the groups and the adapters."""
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    yield from root["project"]["dependencies"]
    for extra in root["project"]["optional-dependencies"].values():
        yield from extra
    for group in root["dependency-groups"].values():
        yield from (entry for entry in group if isinstance(entry, str))
    own = {root["project"]["name"]}
    for file in sorted(ROOT.glob("adapters/[!_]*/pyproject.toml")):
        adapter = tomllib.loads(file.read_text())["project"]
        own.add(adapter["name"])
        wanted = [*adapter.get("dependencies", ())]
        for extra in adapter.get("optional-dependencies", {}).values():
            wanted += extra
        yield from (entry for entry in wanted if name_of(entry) not in own)


def name_of(requirement: str) -> str:
    """The normalised name in front of a requirement (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found.group() if found else "").lower()


def resolve() -> dict[str, str]:
    """Name → version of the whole closure."""
    with tempfile.TemporaryDirectory(prefix="aegis-lock-") as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), *sorted(set(requirements()))], check=True)
        found = json.loads(report.read_text())["install"]
    return {name_of(entry["metadata"]["name"]): entry["metadata"]["version"] for entry in found}


def pinned() -> dict[str, str]:
    """Name → version as the file has it."""
    pairs = (line.split("==") for line in TARGET.read_text().splitlines() if "==" in line)
    return {name_of(name): version.strip() for name, version in pairs}


def main() -> int:
    """See the module."""
    if sys.argv[1:] == ["--check"]:
        missing = sorted({name_of(requirement) for requirement in requirements()} - set(pinned()))
        for name in missing:
            print(f"constraints.txt does not pin {name}: run python tools/lock.py")
        return 1 if missing else 0
    versions = resolve()
    TARGET.write_text(HEADER + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions)))
    print(f"{TARGET.name}: {len(versions)} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
