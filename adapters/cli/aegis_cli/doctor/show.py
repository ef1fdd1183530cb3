"""A report as people read it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aegis_cli.doctor.model import Report, Row, State
from aegis_cli.exits import Exit
from aegis_cli.output import BAD, FAINT, OK, WARN, plain, problems_table

_STYLES: Final[dict[State, str]] = {
    "ok": OK,
    "note": OK,
    "missing": WARN,
    "degraded": WARN,
    "down": BAD,
    "failed": BAD,
    "damaged": BAD,
    "skipped": FAINT,
}
_WORDS: Final[dict[State, str]] = {"note": "ok", "missing": "not there yet", "skipped": "–"}
_MISSING: Final = "→ what is not there yet, the application makes when it first opens; a mistyped place looks the same"
_LAST: Final[dict[Exit, str]] = {
    Exit.FAILED: "something is not as it should be",
    Exit.INTEGRITY: "something is damaged, or leaks",
    Exit.TRY_AGAIN: "something does not answer: try again once it does",
}


def shown(report: Report, /, *, verbose: bool) -> Iterator[RenderableType]:
    """Everything to print, in order."""
    if report.problems:
        count = len(report.problems)
        yield Text("1 setting is wrong" if count == 1 else f"{count} settings are wrong", style=BAD)
        yield problems_table(report.problems)
        return
    yield from _lines([Row("settings", "ok", [_count(report)]), *report.rows])
    if any(row.state == "missing" for row in report.rows):
        yield Text(f" {_MISSING}", style=WARN)
    if verbose:
        yield from _more(report)
    if report.exit is not Exit.OK:
        yield Text(f" {_LAST[report.exit]} (exit {int(report.exit)})", style=_STYLES["failed"])


def _count(report: Report) -> str:
    counts = Counter(setting.source.partition(":")[0] for setting in report.settings)
    words = [f"{counts['default']} defaults", f"{counts['environment']} environment"]
    words += [f"secret {plain(name)} from {where}" for name, where in report.secrets.items()]
    return f"{sum(counts.values())} read ({', '.join(words)}) for {report.environment}"


def _lines(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """Columns that are as wide as they need to be, the word last; what there is to know of a row stands below it."""
    name, url, facts = (
        max(cell_len(text) for text in column)
        for column in zip(*((plain(row.name), plain(row.url), _facts(row)) for row in rows), strict=True)
    )
    for row in rows:
        line = Text(f" {set_cell_size(plain(row.name), name)}  ")
        line.append(f"{set_cell_size(plain(row.url), url)}  {set_cell_size(_facts(row), facts)}  ")
        line.append(_WORDS.get(row.state, row.state), _STYLES[row.state])
        yield line
        if row.detail and row.state != "missing":  # told once, below all
            detail = Text(f"→ {plain(row.detail)}", style=FAINT if row.state == "note" else WARN)
            yield Padding(detail, (0, 0, 0, name + 3), expand=False)


def _facts(row: Row) -> str:
    return plain(" · ".join(row.shown))


def _more(report: Report) -> Iterator[RenderableType]:
    settings = Table.grid(padding=(0, 2))
    for setting in report.settings:
        settings.add_row(f"   {plain(setting.variable)}", plain(setting.value), Text(setting.source, style=FAINT))
    yield Text("\n settings", style=FAINT)
    yield settings
    installed = Table.grid(padding=(0, 2))
    for port, schemes in report.installed.items():
        installed.add_row(f"   {port}", plain(" ".join(schemes)))
    yield Text("\n adapters", style=FAINT)
    yield installed
