"""A morning in a small clinic: file every document of a FHIR R4 input sealed, send results to the lab, tell patients.

Every read and write is on record. At the end every byte that was written is searched for the patients' names and
numbers, and the audit trail is verified. A second run over the same input does nothing twice.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from aegis_core.app import Aegis
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import classify_os_error
from aegis_core.kernel.problems import SettingsError
from aegis_core.marks import Pseudonym, Purpose
from aegis_core.resilience import Breaker, CountingBreaker
from examples.clinic import synthetic
from examples.clinic.fhir import read_bundle, read_input
from examples.clinic.home import Home
from examples.clinic.lab import Lab, LabClient
from examples.clinic.letters import RESULTS_READY
from examples.clinic.model import Intake
from examples.clinic.morning import Morning, recipients
from examples.clinic.progress import Progress
from examples.clinic.search import needles, search
from examples.clinic.staff import check_in
from examples.clinic.summary import Done, summary
from examples.clinic.tamper import tamper
from examples.clinic.waiting import Waiting, passes

#: Exit codes of the house.
OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_INTACT: Final = 3
TRY_AGAIN: Final = 75


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.clinic",
        description=__doc__,
        epilog=(
            "AEGIS_* variables win over the defaults below the home. Exit codes: 0 all done; 1 something was refused "
            "or failed; 2 usage or settings; 3 what is stored is not what was written; 75 try again."
        ),
    )
    parser.add_argument(
        "input", nargs="?", type=Path, help="a FHIR R4 bundle, or a folder of *.json (default: a synthetic bundle)"
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".aegis", "clinic"),
        help="the folder that everything is written to; several inputs may share one (default: %(default)s)",
    )
    parser.add_argument("--staff", default="dr-malee", help="who is at work (default: %(default)s)")
    parser.add_argument(
        "--purpose",
        default=Purpose.TREATMENT.value,
        choices=[purpose.value for purpose in Purpose],
        metavar="CODE",
        help="what for, as an HL7 purpose of use: %(choices)s (default: %(default)s)",
    )
    parser.add_argument(
        "--outage",
        type=_outage,
        default=1.2,
        metavar="SECONDS",
        help="for how long the lab is down, 0 to 2 (default: %(default)s)",
    )
    parser.add_argument(
        "--tamper", action="store_true", help="then flip one bit in a copy of the log, and show which entry it hit"
    )
    parser.add_argument(
        "--acknowledged",
        type=Path,
        metavar="FILE",
        help="append everything that was acknowledged to this file, one JSON object a line",
    )
    return parser


def _outage(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 2:
        raise argparse.ArgumentTypeError("must be from 0 to 2")
    return seconds


class Acknowledgements:
    """Writes down what was promised, after it was promised."""

    def __init__(self, path: Path | None, /) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path is not None else None

    def __call__(self, kind: str, /, **facts: str) -> None:
        if self._fd is not None:
            os.write(self._fd, json.dumps({"kind": kind, **facts}).encode() + b"\n")


async def work(home: Home, options: argparse.Namespace, intake: Intake, started: float) -> Done:
    """Open the clinic, do the morning's work, and verify the trail."""
    breaker = CountingBreaker("lab", Breaker(failures=5, window=60.0, reset=0.25))
    aegis = Aegis(home.settings, templates=[RESULTS_READY])
    purpose = Purpose(options.purpose)
    with Lab(home.folder / "lab", outage=options.outage) as lab:
        async with aegis.open():
            lab_waiting, waiting = Waiting(aegis.log), Waiting(aegis.log)
            with Progress("documents", len(intake.documents), sys.stdout) as progress:
                waiting.note = lab_waiting.note = progress.note
                principal = await check_in(options.staff, purpose, aegis.audit, waiting)
                key = await waiting.until_done(partial(aegis.keys.active, KeyPurpose.PSEUDONYM))
                morning = Morning(
                    aegis,
                    LabClient(lab.port),
                    breaker,
                    lab_waiting=lab_waiting,
                    waiting=waiting,
                    principal=principal,
                    purpose=purpose,
                    names=Pseudonym(key.id, key.secret),
                    acknowledge=Acknowledgements(options.acknowledged),
                )
                aegis.log.info("morning begins", documents=len(intake.documents), patients=len(intake.patients))
                await morning.documents(intake, progress)
            with Progress("letters", len(recipients(intake)), sys.stdout) as progress:
                waiting.note = progress.note
                await morning.letters(intake, progress)
                aegis.log.info("morning ends", filed=sum(morning.outcome.filed.values()))
                await waiting.until_done(aegis.audit.checkpoint)
                verdict = await waiting.until_done(aegis.audit.verify)
                verifier_keys = await waiting.until_done(aegis.audit.verifier_keys)
                uncertain = await waiting.until_done(partial(aegis.notify.deliveries, status="uncertain"))
    if aegis.closed is not None and not aegis.closed.is_clean:
        raise AegisError(ErrorCode.INTERNAL, "not everything was closed in time", operation="clinic.close")
    return Done(
        intake=intake,
        outcome=morning.outcome,
        home=home,
        verdict=verdict,
        verifier_keys=verifier_keys,
        uncertain=len(uncertain),
        lab_refused=lab.refused,
        breaker=breaker.get_metrics(),
        lab_waits=lab_waiting.waits.total(),
        waits=waiting.waits,
        started=started,
    )


def run(options: argparse.Namespace, /) -> int:
    """Do it all; the exit code says how it went."""
    started = SYSTEM_CLOCK.monotonic()
    home = Home.at(options.home, os.environ)
    log = home.log
    if options.tamper and log is None:
        print("--tamper needs the log in the home: unset AEGIS_AUDIT and AEGIS_STATE", file=sys.stderr)
        return USAGE
    intake = read_bundle(synthetic.bundle()) if options.input is None else read_input(options.input)
    for refusal in intake.refusals:
        print(f"refused    {refusal.where}: {refusal.reason} ({refusal.code})", file=sys.stderr)
    if intake.is_empty and intake.refusals:
        return FAILED
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = anyio.run(work, home, options, intake, started)
    also = [("(summary)", summary(done, None).encode())]
    if options.acknowledged is not None:
        also.append(("(acknowledged)", options.acknowledged.read_bytes()))
    report = search(options.home, needles(intake), also=also)
    print(summary(done, report))
    if options.tamper and log is not None:
        print(tamper(log, options.home / "tampered", done.verifier_keys))
    if not done.verdict.intact:
        return NOT_INTACT
    if report.hits or intake.refusals:
        return FAILED
    return TRY_AGAIN if done.outcome.letters["queued"] else OK


def main(argv: Sequence[str] | None = None, /) -> int:
    """Run the program, and turn errors into a line and an exit code."""
    options = arguments().parse_args(argv)
    try:
        return run(options)
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    except AegisError as error:
        print(f"clinic: {error}", file=sys.stderr)
        if error.code is ErrorCode.INTEGRITY:
            return NOT_INTACT
        return TRY_AGAIN if passes(error) else FAILED
    except OSError as error:
        code = classify_os_error(error) or ErrorCode.INTERNAL
        print(f"clinic: {code.value}: {error.strerror} [{error.filename}]", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("clinic: interrupted; start it again, and it goes on where it was", file=sys.stderr)
        return TRY_AGAIN


if __name__ == "__main__":
    sys.exit(main())
