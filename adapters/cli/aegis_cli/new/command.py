"""The commands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from aegis_cli.exits import Exit
from aegis_cli.new.templates import checkout, start_adapter, start_room
from aegis_cli.output import FAINT, AsJson, Output, plain
from aegis_core import AegisError, ErrorCode

app = App(name="new", help="Start an adapter or a room.")

_NAME = Parameter(help="Lower-case letters and digits, words split by hyphens.")


@app.command
def adapter(
    name: Annotated[str, _NAME],
    folder: Annotated[Path | None, Parameter(help="Default: adapters/NAME in a checkout, else NAME.")] = None,
    /,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Start an adapter: a distribution of its own that passes the kit of its port out of the box.

    JSON: {"files": [str], "next": [str]}
    """
    root = checkout(Path.cwd())
    target = folder or (Path(name) if root is None else root / "adapters" / name)
    written = start_adapter(name, target)
    steps = [
        f"pip install --no-build-isolation -e {target}",
        f"pytest {target / 'tests'}",
        "then change one thing at a time",
    ]
    return _tell(Output(as_json=as_json), written, steps)


@app.command
def room(name: Annotated[str, _NAME], /, *, as_json: AsJson = False) -> Exit:
    """Start a room in a checkout of Aegis Core: port, values, service and their tests.

    JSON: {"files": [str], "next": [str]}
    """
    root = checkout(Path.cwd())
    if root is None:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "call this inside of a checkout of Aegis Core")
    written = start_room(name, root)
    steps = [
        "give it a floor: layers in pyproject.toml, FLOORS in tests/architecture/tree.py",
        f"pytest {written[-1].parent.relative_to(root)}",
        "write its decisions first, pure and without I/O; the service last",
    ]
    return _tell(Output(as_json=as_json), written, steps)


def _tell(out: Output, written: Sequence[Path], steps: Sequence[str]) -> Exit:
    lines = [Text(plain(str(file))) for file in written]
    after = [Text(f"→ {plain(step)}", style=FAINT) for step in steps]
    out.answer({"files": [str(file) for file in written], "next": list(steps)}, *lines, *after)
    return Exit.OK
