"""``python -m tests.corpus``: send made-up patients through real applications, and print what came out where."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> int:
    """Run the applications, or those that are named; 1 if anything leaked that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("apps", nargs="*", metavar="APP", help="default: all")
    parser.add_argument("--seed", default="2026", help="of the values (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/guides/leaks.md")
    asked = parser.parse_args()
    if asked.write and asked.seed != parser.get_default("seed"):
        parser.error("the guide has the figures of the default seed")
    os.environ["CORPUS_SEED"] = asked.seed  # before anything is imported that reads it

    from aegis_core.testing.servers import Missing
    from aegis_core.testing.servers.pool import Pool, Wanted
    from tests.corpus import page
    from tests.corpus.runs import APPS, run

    if unknown := set(asked.apps) - APPS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(APPS)}")
    servers, columns, leaked = Pool(Wanted()), {}, 0
    try:
        for app in asked.apps or APPS:
            try:
                server = servers.shared(APPS[app].server).endpoint.url if APPS[app].server else ""
            except Missing as missing:
                print(f"{app}: left out, {missing}", file=sys.stderr)
                continue
            with TemporaryDirectory() as folder:
                protected, bare = (
                    run(app, Path(folder, name), is_bare=name == "bare", server=server)
                    for name in ("protected", "bare")
                )
            print(f"{app}: {len(protected.carried)} of {len(protected.cases)} cases carried", file=sys.stderr)
            columns[app] = page.column(protected, bare)
            for carrier, places in page.leaks(protected).items():
                leaked += 1
                print(f"{app}: {carrier} leaks into {', '.join(sorted(places))}", file=sys.stderr)
    finally:
        servers.stop()
    print(page.table(columns))
    if asked.write:
        page.write(columns)
    return 1 if leaked else 0


if __name__ == "__main__":
    raise SystemExit(main())
