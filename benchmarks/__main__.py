"""Run the benchmarks: ``python -m benchmarks [AREA …] [--quick] [--json FILE]``.

Every ``bench_<area>.py`` here has ``rows(quick: bool) -> Iterable[Row]``. Each area runs in a process of its own, so
that what one loads cannot slow down another. Exit: 0 all kept, 1 an area crashed, 2 usage, 3 a target was missed.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from benchmarks.rows import Row

HERE = Path(__file__).parent
HEADINGS = ("", "ours", "limit", "ratio", "target", "", "peers")


def areas() -> list[str]:
    """Every area that has a file here."""
    return sorted(file.stem.removeprefix("bench_") for file in HERE.glob("bench_*.py"))


def amount(value: float | None, unit: str) -> str:
    """A figure with its unit, short enough for a column."""
    if value is None:
        return "-"
    if unit == "s":
        for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if value >= scale:
                return f"{value / scale:.3g} {name}"
        return f"{value / 1e-9:.3g} ns"
    shown = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}".rstrip()


def cells(row: Row) -> tuple[str, ...]:
    """The columns of one row."""
    sign = "≤" if row.better == "lower" else "≥"
    verdict = "" if row.target is None else "ok" if row.is_kept else "MISS"
    peers = ", ".join(f"{name} {amount(value, row.unit)}" for name, value in row.peers.items())
    return (
        row.name,
        amount(row.ours, row.unit),
        amount(row.limit, row.unit),
        f"{row.ratio:.3g}",
        "-" if row.target is None else f"{sign} {row.target:g}",
        verdict,
        "; ".join(part for part in (peers, row.note) if part),
    )


def table(rows: Sequence[Row]) -> str:
    """All rows, aligned, under a line for each area."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def drawn(line: Sequence[str]) -> str:
        first, *rest = (
            text.ljust(width) if column in {0, 5, 6} else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join((first, *rest)).rstrip()

    out = [drawn(HEADINGS)]
    area = ""
    for row, line in zip(rows, lines[1:], strict=True):
        if row.area != area:
            area = row.area
            out.append(f"[{area}]")
        out.append(drawn(line))
    return "\n".join(out)


def measure_here(area: str, *, quick: bool) -> list[Row]:
    """Measure one area in this process."""
    module = importlib.import_module(f"benchmarks.bench_{area}")
    found: Iterable[Row] = module.rows(quick)
    return list(found)


def measure(area: str, *, quick: bool) -> list[Row] | None:
    """Measure one area in a process of its own; None if it crashed."""
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        result = Path(folder, "rows.json")
        command = [sys.executable, "-m", "benchmarks", area, "--here", "--json", str(result), *["--quick"] * quick]
        # The child's table goes nowhere (we draw one for all); its errors are shown as they come.
        ended = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.DEVNULL, check=False)
        if ended.returncode not in {0, 3}:
            print(f"[{area}] crashed: exit {ended.returncode}", file=sys.stderr)
            return None
        return [Row(**{k: v for k, v in row.items() if k != "is_kept"}) for row in json.loads(result.read_text())]


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Ours, peers and limits, in one run.")
    parser.add_argument("area", nargs="*", help=f"one of: {', '.join(areas())} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: for CI, noisier")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--here", action="store_true", help="measure in this process (for a profiler)")
    options = parser.parse_args(arguments)
    unknown = set(options.area) - set(areas())
    if unknown:
        parser.error(f"no such area: {', '.join(sorted(unknown))}; there are: {', '.join(areas())}")
    rows: list[Row] = []
    crashed: list[str] = []
    for area in options.area or areas():
        if options.here:
            rows += measure_here(area, quick=options.quick)
            continue
        print(f"measuring {area} …", file=sys.stderr, flush=True)
        measured = measure(area, quick=options.quick)
        if measured is None:
            crashed.append(area)
        else:
            rows += measured
    print(table(rows))
    missed = [row for row in rows if not row.is_kept]
    if options.json:
        documents = [attrs.asdict(row) | {"is_kept": row.is_kept} for row in rows]
        options.json.write_text(json.dumps(documents, ensure_ascii=False, indent=1) + "\n")
    promises = sum(row.target is not None for row in rows)
    print(f"\n{promises} targets, {len(missed)} missed" + (f", crashed: {', '.join(crashed)}" if crashed else ""))
    if crashed:
        return 1
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
