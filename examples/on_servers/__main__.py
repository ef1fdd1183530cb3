"""The clinic on this machine, then the same clinic on four real servers: variables differ, and the summary does not.

PostgreSQL holds the trail, the small documents and the patients' keys, SeaweedFS (S3) the files, OpenBao the key that
protects all others, and a mail server takes the letters. One of them is killed in the middle and brought back. At the
end both summaries are compared, and whatever the servers hold is searched for the patients' names and numbers.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.errors import AegisError
from aegis_core.testing.servers import CATALOGUE, Missing, NotReady, Running
from examples.clinic import synthetic
from examples.clinic.fhir import read_bundle, read_input
from examples.clinic.model import Intake
from examples.clinic.search import needles
from examples.on_servers.compare import differences, fields
from examples.on_servers.holdings import own_words, search_servers
from examples.on_servers.outage import Ended, outages, run_clinic
from examples.on_servers.services import SERVERS, set_up

_SECRETS: Final = ("SECRET", "TOKEN")
_FAILED: Final = 1
_USAGE: Final = 2


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.on_servers",
        description=__doc__,
        epilog="Exit codes: that of the clinic where both runs say the same; 1 they do not, or something was found; "
        "2 a server can't run here.",
    )
    parser.add_argument(
        "input", nargs="?", type=Path, help="a FHIR R4 bundle, or a folder of *.json (default: a synthetic bundle)"
    )
    parser.add_argument(
        "--kill",
        default="postgres",
        choices=[*SERVERS, "all", "none"],
        help="what is killed in the middle: one server, all of them in turn, or none (default: %(default)s)",
    )
    return parser


def started(stack: ExitStack, /) -> dict[str, Running]:
    """All servers, started at once, and ended with the stack.

    Raises:
        Missing: one can't run here.
        NotReady: one did not answer.
    """
    servers = {name: Running(CATALOGUE[kind]) for name, kind in SERVERS.items()}
    for running in servers.values():
        stack.callback(running.stop)
    with ThreadPoolExecutor() as pool:
        list(pool.map(Running.start, servers.values()))
    return servers


def compared(local: Ended, remote: Ended, /) -> tuple[bool, list[str]]:
    """Whether both runs say the same, and what both say, field by field, with what they differ in."""
    different = list(differences(local.said, remote.said))
    same = [field for field in fields(local.said) if not any(field == one for one, _ in different)]
    lines = ["the same summary?", *(f"  = {field.section:<12} {field.text}" for field in same)]
    for one, other in different:
        lines += [f"  ≠ here         {one.text if one else '-'}", f"    on servers   {other.text if other else '-'}"]
    if local.code != remote.code:
        lines.append(f"  ≠ exit code {local.code} here, {remote.code} on servers")
    return not different and local.code == remote.code, lines


def shown(environ: Mapping[str, str], /) -> list[str]:
    """The variables, but for the secrets in them."""
    return [f"  {name}={'…' if any(word in name for word in _SECRETS) else value}" for name, value in environ.items()]


def run(options: argparse.Namespace, folder: Path, stack: ExitStack, /) -> int:
    """Do it all; the exit code says how it went."""
    intake: Intake = read_bundle(synthetic.bundle()) if options.input is None else read_input(options.input)
    which = {"all": list(SERVERS), "none": []}.get(options.kill, [options.kill])
    inputs = [] if options.input is None else [options.input]
    begun = SYSTEM_CLOCK.monotonic()
    print("on this machine", flush=True)
    local = run_clinic([*inputs, "--home", folder / "here"], {}, folder / "here.acknowledged", servers={}, say=_say)
    here = SYSTEM_CLOCK.monotonic() - begun
    servers = started(stack)
    place = set_up(servers, "clinic")
    wanted = needles(intake)
    chance = own_words(servers, wanted)
    up = SYSTEM_CLOCK.monotonic() - begun - here
    print(f"\non servers, which were up in {up:.1f} s", *shown(place.environ), sep="\n", flush=True)
    begun = SYSTEM_CLOCK.monotonic()
    remote = run_clinic(
        [*inputs, "--home", folder / "there"],
        place.environ,
        folder / "there.acknowledged",
        servers=servers,
        planned=list(outages(which, len(intake.documents))),
        say=_say,
    )
    there = SYSTEM_CLOCK.monotonic() - begun
    print(remote.said.rstrip(), end="\n\n")
    is_same, lines = compared(local, remote)
    print(*lines, sep="\n")
    print(f"  {here:.1f} s here, {there:.1f} s on servers; killed: {', '.join(which) or 'none'}", flush=True)
    found = 0
    print(f"\nwhat the servers hold of {len(wanted) - len(chance)} names and numbers", end="")
    print(f" (without {len(chance)} short ones that they write of themselves)" if chance else "")
    for name, report in search_servers(place, wanted - chance).items():
        found += len(report.hits)
        print(
            f"  {name:<9} {report.files} files, rows and objects, {report.octets / 1e6:.1f} MB: {len(report.hits)} hits"
        )
        for hit in report.hits[:20]:
            print(f"    {hit.form} at {hit.offset} of {hit.file}")
    return remote.code if is_same and not found else _FAILED


def _say(line: str) -> None:
    print(line, flush=True)


def main(argv: Sequence[str] | None = None, /) -> int:
    """Run the program, and turn errors into a line and an exit code."""
    options = arguments().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="aegis-clinic-") as folder, ExitStack() as stack:
            return run(options, Path(folder), stack)
    except (Missing, NotReady) as error:
        print(f"on_servers: {error}", file=sys.stderr)
        return _USAGE
    except AegisError as error:
        print(f"on_servers: {error}", file=sys.stderr)
        return _FAILED


if __name__ == "__main__":
    sys.exit(main())
