"""One way to answer: lines and tables for people, JSON for machines, progress on standard error."""

import json
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeAlias

from cyclopts import Parameter

from aegis_cli.exits import Failure

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

#: What `json.dumps` takes. Shapes are documented in ``docs/reference/cli.md``: fields are added, never renamed.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: The parameter that every command has: ``*, as_json: AsJson = False``.
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Answer in JSON, for machines.")]

#: Columns of a pipe or a file: lines are for `grep` there, so that none is wrapped.
_UNWRAPPED: Final = 4096

OK: Final = "green"
WARN: Final = "yellow"
BAD: Final = "red bold"
FAINT: Final = "dim"


def console(*, to_stderr: bool = False, unwrapped: bool = True) -> "Console":
    """A console: no colour where it is no terminal or ``NO_COLOR`` is set, and no markup read from texts.

    Arguments:
        unwrapped: where it is no terminal, lines stay whole: they are for `grep`.
    """
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    return Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal else None,
        width=None if is_terminal else _UNWRAPPED if unwrapped else 120,
        markup=False,
        emoji=False,
        highlight=False,
    )


def plain(text: str, /) -> str:
    """A text from elsewhere as a terminal may show it: control and direction characters are spelled, not obeyed."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class Progress(Protocol):
    """How far long work is."""

    def __call__(self, done: int, total: int | None = None, /) -> None: ...


class Output:
    """Where one command's answer goes.

    Arguments:
        as_json: the command's ``--json``.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console: Console | None = None

    def answer(self, document: Mapping[str, Json], /, *shown: "RenderableType") -> None:
        """The whole answer: one JSON document for machines, renderables for people."""
        if self.as_json:
            self.record(document)
        else:
            self.show(*shown)

    def record(self, document: Mapping[str, Json], /) -> None:
        """One line of JSON, where ``--json`` is given: for answers that come bit by bit (JSON Lines)."""
        if self.as_json:
            line = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            if not line.isprintable():  # JSON leaves in what drives a terminal beyond ASCII
                line = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)
            sys.stdout.write(f"{line}\n")

    def show(self, *shown: "RenderableType") -> None:
        """Lines and tables for people; nothing where ``--json`` is given. Texts from elsewhere go through `plain`."""
        if self.as_json:
            return
        if self._console is None:
            self._console = console()
        for each in shown:
            self._console.print(each)

    @contextmanager
    def progress(self, label: str, /) -> Generator[Progress]:
        """Show how far long work is, on standard error and on a terminal only.

        Example:
            with out.progress("verifying") as at:
                at(done, total)
        """
        err = console(to_stderr=True)
        if not err.is_terminal:
            yield lambda done, total=None, /: None
            return
        from rich.progress import Progress as Bar

        with Bar(console=err, transient=True) as bar:
            task = bar.add_task(label, total=None)

            def at(done: int, total: int | None = None, /) -> None:
                bar.update(task, completed=done, total=total)

            yield at


def table(*columns: str, rows: Sequence[Sequence["str | Text"]]) -> "Table":
    """A table with a head and no lines: as it reads on a terminal, so it is cut by `awk`."""
    from rich.table import Table

    made = Table(*columns, box=None, pad_edge=False, header_style=FAINT)
    for row in rows:
        made.add_row(*row)
    return made


def tell(failure: Failure, /, *, as_json: bool) -> None:
    """Say what went wrong: one line on standard error, and one more for each wrong setting.

    Arguments:
        as_json: also as a document on standard output.
    """
    err = console(to_stderr=True)
    if as_json:
        problems = [
            {"setting": setting, "expected": expected, "source": source, "hint": hint}
            for setting, expected, source, hint in failure.problems
        ]
        error: dict[str, Json] = {"code": failure.code, "message": failure.message}
        if problems:
            error["problems"] = problems
        Output(as_json=True).record({"error": error, "exit": int(failure.exit)})
    from rich.text import Text

    err.print(Text.assemble(("aegis: ", BAD), plain(failure.message)), soft_wrap=True)
    if failure.problems:
        err.print(problems_table(failure.problems))


def problems_table(problems: Sequence[tuple[str, str, str, str]], /) -> "Table":
    """Wrong settings, one a line.

    Arguments:
        problems: ``(setting, expected, source, hint)`` of each.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2))
    for setting, expected, source, hint in problems:
        more = f"({plain(hint)})" if hint else ""
        where = Text(f"(from the {source})" if source else "", style=FAINT)
        made.add_row("", Text(plain(setting), style=WARN), f"{plain(expected)} {more}".strip(), where)
    return made
