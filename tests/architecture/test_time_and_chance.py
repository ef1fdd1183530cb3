"""Time and chance are injected: only two files of the kernel read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import CORE, core_files, module_of, parsed

SOURCES = {CORE / "kernel" / "clock.py", CORE / "kernel" / "entropy.py"}
# A loop's own time (`anyio.current_time`) is not among them: deadlines of cancel scopes are counted in it.
#: Dotted names that read a clock or chance; a name that ends in a dot stands for all below it.
CLOCKS = (
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
    "time.localtime", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today",
)  # fmt: skip
SLEEPS = ("time.sleep", "anyio.sleep", "asyncio.sleep", "trio.sleep")
CHANCE = ("random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom")


def banned(name: str, names: tuple[str, ...]) -> bool:
    return any(name == one or (one.endswith(".") and name.startswith(one)) for one in names)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def used(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every dotted name that a file uses, with import aliases resolved."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, _, rest = dotted(node).partition(".")
            if first in aliases:
                yield f"{aliases[first]}.{rest}".rstrip("."), node.lineno


def breaches(file: Path, tree: ast.Module) -> list[str]:
    if module_of(file).startswith("aegis_core.testing.servers"):
        return []  # real programs start, answer and end in real time
    names = CLOCKS + CHANCE
    if not module_of(file).startswith("aegis_core.testing"):
        names += SLEEPS  # harnesses and virtual clocks yield to real loops
    return [f"{file.name}:{line} {name}" for name, line in used(tree) if banned(name, names)]


@pytest.mark.parametrize("file", [file for file in core_files() if file not in SOURCES], ids=module_of)
def test_no_file_reads_a_clock_or_chance(file):
    assert breaches(file, parsed(file)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.time()",
        "import time as t\nx = t.monotonic",
        "from time import time_ns as now\nx = now()",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "import random\nx = random.Random(1)",
        "from os import urandom\nx = urandom(8)",
        "import uuid\nx = uuid.uuid4()",
        "import anyio\nasync def f(): await anyio.sleep(1)",
    ],
)
def test_a_reader_of_clocks_or_chance_would_be_found(text):
    assert breaches(CORE / "audit" / "planted.py", ast.parse(text))
