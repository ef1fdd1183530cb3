"""Writes the reference page from the commands themselves: ``python -m aegis_cli.reference docs/reference/cli.md``."""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Final

from cyclopts import App
from cyclopts.argument import Argument

from aegis_cli.main import COMMANDS, make_app

_HEAD: Final = """# The `aegis` command

<!-- Made from the commands by `python -m aegis_cli.reference docs/reference/cli.md`; a test compares. -->

Comes with `pip install aegis-health-cli`. Settings are the [`AEGIS_*` variables](settings.md) that an application
reads. The guide on [doctor](../guides/doctor.md) has pictures.

| exit code | |
|---|---|
| 0 | done |
| 1 | the work failed, or what was looked for is not there |
| 2 | the call or the settings are wrong: doing the same again cannot help |
| 3 | something was changed, cut or is not what it says it is |
| 75 | something does not answer just now: try again |
| 130, 141 | Ctrl-C; whoever read the output has gone |

With `--json` the answer is JSON on standard output: one document, or where it says *a line each* one document a line.
Fields are added, never renamed or removed; those with a `?` may be absent. An error is one line on standard error, in
which no value is repeated that was typed, and

    {"error": {"code": str, "message": str,
               "problems"?: [{"setting": str, "expected": str, "source": str, "hint": str}]}, "exit": int}

with a code of `ErrorCode`. Where the output is no terminal there is no colour, and no line is wrapped; `NO_COLOR` is
honoured. `aegis --install-completion` teaches bash, zsh, fish and PowerShell to complete commands.
"""
#: Where a docstring begins to describe its parameters one by one: the table does that.
_PARAMETERS: Final = re.compile(r"\n\n(?:Parameters\n-+|Arguments:)\n")


def reference() -> str:
    """The page."""
    return "\n".join([_HEAD, *(line for name in sorted(COMMANDS) for line in _command(make_app(name)[name], (name,)))])


def _command(app: App, path: tuple[str, ...]) -> Iterator[str]:
    inner = [name for name in app if not name.startswith("-")]
    if inner:
        for name in sorted(inner):
            yield from _command(app[name], (*path, name))
        return
    arguments = [each for each in app.assemble_argument_collection(parse_docstring=True) if each.parse and each.show]
    words, shape = _words(app.help)
    yield f"## `aegis {' '.join([*path, *(_positional(each) for each in arguments if each.index is not None)])}`\n"
    yield f"{words}\n"
    if arguments:
        yield "| | | default |\n|---|---|---|"
        yield from map(_row, arguments)
        yield ""
    if shape:
        yield f"JSON: {shape}\n"


def _positional(argument: Argument) -> str:
    name = argument.names[0].lstrip("-").upper()
    return name if argument.required else f"[{name}]"


def _words(text: str) -> tuple[str, str]:
    """A command's own words, and what its JSON looks like."""
    text = _PARAMETERS.split(cleandoc(text))[0].replace("\n#", "\n\\#")  # a comment is no heading
    words, _, shape = text.partition("\n\nJSON: ")
    prose, brace, code = shape.partition("{")
    return words, f"{prose}`{' '.join((brace + code).split())}`" if brace else shape


def _row(argument: Argument) -> str:
    names = ", ".join(f"`{name.upper() if argument.index is not None else name}`" for name in argument.names)
    told = [" ".join((argument.parameter.help or "").split())]
    choices = argument.get_choices()
    if choices:
        told.append("One of " + ", ".join(f"`{choice}`" for choice in choices) + ".")
    default = argument.field_info.default
    shown = "required" if argument.required else "" if not default or callable(default) else f"`{default}`"
    return f"| {names} | {' '.join(told).strip().replace('|', '&#124;')} | {shown} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
