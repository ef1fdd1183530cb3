"""``python -m aegis_core.testing.matrix FOLDER``: make the page, write it, or compare it with the one that is kept."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from aegis_core.testing.matrix.page import render
from aegis_core.testing.matrix.records import Records
from aegis_core.testing.servers.catalogue import CATALOGUE


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, write or compare. Returns 0; 1: the page differs, or the run was not a whole one; 2: a folder without
    records.
    """
    parser = argparse.ArgumentParser(prog="python -m aegis_core.testing.matrix", description=__doc__)
    parser.add_argument("folder", type=Path, help="where `pytest --aegis-records` left its records")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page there")
    parser.add_argument("--compare", type=Path, metavar="PAGE", help="fail if the page there is another one")
    chosen = parser.parse_args(arguments)
    try:
        records = Records.read(chosen.folder)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    if not records.ran:
        parser.exit(2, f"{chosen.folder} holds no records: run pytest with --aegis-records={chosen.folder}\n")
    return _done(records, write=chosen.write, compare=chosen.compare)


def _done(records: Records, *, write: Path | None, compare: Path | None) -> int:
    missing = records.missing()
    made = render(
        records, {name: (each.product(), each.unchecked) for name, each in CATALOGUE.items() if each.unchecked}
    )
    if compare is not None:
        if missing:
            sys.stdout.write(f"{compare} is not compared: {_some(missing)} did not run\n")
            return 0
        kept = compare.read_text(encoding="utf-8") if compare.exists() else ""
        difference = difflib.unified_diff(
            kept.splitlines(), made.splitlines(), str(compare), "what the kits saw", lineterm="", n=0
        )
        lines = list(difference)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        if lines:
            sys.stdout.write(f"{compare} differs: `nox -s capabilities` writes it anew\n")
        return 1 if lines else 0
    if write is not None:
        if missing:
            sys.stderr.write(f"{write} is not written: {_some(missing)} did not run\n")
            return 1
        write.write_text(made, encoding="utf-8")
        return 0
    sys.stdout.write(made)
    return 0


def _some(missing: Sequence[str]) -> str:
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return ", ".join(missing[:3]) + more


if __name__ == "__main__":
    sys.exit(main())
