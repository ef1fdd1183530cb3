"""Run the morning: ``python -m examples.clinic [INPUT]``."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from aegis_core.app import Aegis
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.marks import Pseudonym, Purpose
from aegis_core.resilience import Breaker, CountingBreaker
from examples.clinic import killing, synthetic
from examples.clinic.fhir import read_bundle, read_input
from examples.clinic.lab import Lab, LabClient
from examples.clinic.letters import RESULTS_READY
from examples.clinic.model import Intake
from examples.clinic.morning import Morning, recipients
from examples.clinic.progress import Progress
from examples.clinic.search import needles, search
from examples.clinic.staff import check_in
from examples.clinic.summary import Done, summary
from examples.clinic.tamper import tamper

#: Exit codes of the house.
OK, FAILED, USAGE, NOT_INTACT, TRY_AGAIN = 0, 1, 2, 3, 75


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.clinic", description=__doc__)
    parser.add_argument(
        "input", nargs="?", type=Path, help="a FHIR R4 bundle, or a folder of *.json (default: a synthetic bundle)"
    )
    parser.add_argument(
        "--home", type=Path, default=Path("clinic-home"), help="where everything is written (default: %(default)s)"
    )
    parser.add_argument("--fresh", action="store_true", help="delete the home of an earlier run first")
    parser.add_argument("--staff", default="dr-malee", help="who is at work (default: %(default)s)")
    parser.add_argument(
        "--purpose",
        default=Purpose.TREATMENT.value,
        choices=[p.value for p in Purpose],
        help="what for, as an HL7 code (default: %(default)s)",
    )
    parser.add_argument(
        "--outage", type=float, default=1.2, help="seconds for which the lab is down, 0 to 2 (default: %(default)s)"
    )
    parser.add_argument(
        "--tamper", action="store_true", help="then flip one byte in a copy of the log, and show which entry it was"
    )
    parser.add_argument(
        "--acknowledged", type=Path, help="append everything that was acknowledged to this file, one JSON object a line"
    )
    return parser


def environment(home: Path, /) -> None:
    """Local defaults, below the home; what is set already wins."""
    defaults = {
        "AEGIS_ENV": "development",
        "AEGIS_ORIGIN": "clinic.example/audit",
        "AEGIS_STORAGE": f"file:{home / 'storage'}",
        "AEGIS_AUDIT": f"file:{home / 'audit'}",
        "AEGIS_SUBJECT_KEYS": f"sqlite:{home / 'subject-keys.db'}",
        "AEGIS_KEYS": f"file:{home / 'keys'}",
        "AEGIS_EMAIL": f"eml:{home / 'mail'}",
        "AEGIS_LOG": f"jsonl:{home / 'log' / 'clinic.jsonl'}",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


class Acknowledgements:
    """Writes down what was promised, after it was promised."""

    def __init__(self, path: Path | None, /) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path is not None else None

    def __call__(self, kind: str, /, **facts: str) -> None:
        if self._fd is not None:
            os.write(self._fd, json.dumps({"kind": kind, **facts}).encode() + b"\n")
        killing.point(kind)


async def work(options: argparse.Namespace, intake: Intake, started: float) -> Done:
    """Open the clinic, do the morning's work, and look at what was written."""
    home: Path = options.home
    breaker = CountingBreaker("lab", Breaker(failures=5, window=60.0, reset=0.25))
    aegis = Aegis(templates=[RESULTS_READY])
    with Lab(home / "lab", outage=options.outage) as lab:
        async with aegis.open():
            principal = await check_in(options.staff, Purpose(options.purpose), aegis.audit)
            key = await aegis.keys.active(KeyPurpose.PSEUDONYM)
            morning = Morning(
                aegis,
                principal,
                LabClient(lab.port),
                breaker,
                Pseudonym(key.id, key.secret),
                acknowledge=Acknowledgements(options.acknowledged),
            )
            aegis.log.info("morning begins", documents=len(intake.documents), patients=len(intake.patients))
            await morning.documents(intake, Progress("documents", len(intake.documents), sys.stdout))
            await morning.letters(intake, Progress("letters", len(recipients(intake)), sys.stdout))
            aegis.log.info("morning ends", filed=sum(morning.outcome.filed.values()))
            await aegis.audit.checkpoint()  # so that the last second is covered, too
            verdict = await aegis.audit.verify()
            verifier_keys = await aegis.audit.verifier_keys()
            deliveries = await aegis.notify.deliveries(status="uncertain")
        lab_figures = (lab.accepted, lab.refused)
    if aegis.closed is not None and not aegis.closed.is_clean:
        raise AegisError(ErrorCode.INTERNAL, "not everything was closed in time", operation="clinic.close")
    return Done(
        intake=intake,
        outcome=morning.outcome,
        home=home,
        verdict=verdict,
        verifier_keys=verifier_keys,
        uncertain=len(deliveries),
        lab_accepted=lab_figures[0],
        lab_refused=lab_figures[1],
        breaker=breaker.get_metrics(),
        started=started,
    )


def run(options: argparse.Namespace, /) -> int:
    """Do it all; the exit code says how it went."""
    started = SYSTEM_CLOCK.monotonic()
    if options.fresh and (options.home / "audit").is_dir():
        shutil.rmtree(options.home)
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    intake = read_bundle(synthetic.bundle()) if options.input is None else read_input(options.input)
    for refusal in intake.refusals:
        print(f"refused    {refusal.where}: {refusal.reason} ({refusal.code})", file=sys.stderr)
    if not intake.documents and intake.refusals:
        return FAILED
    environment(options.home)
    done = anyio.run(work, options, intake, started)
    draft = summary(done, None)
    report = search(options.home, needles(intake), also=[("(summary)", draft.encode())])
    print(summary(done, report))
    if report.hits or not done.verdict.intact:
        return NOT_INTACT
    if options.tamper:
        print(tamper(options.home / "audit" / "log", options.home / "tampered", done.verifier_keys))
    return FAILED if intake.refusals else OK


def main(argv: Sequence[str] | None = None, /) -> int:
    """Run the program, and turn errors into one line and an exit code."""
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
        return TRY_AGAIN if error.retryable else FAILED
    except KeyboardInterrupt:
        print("clinic: interrupted; start it again, and it goes on where it was", file=sys.stderr)
        return TRY_AGAIN


if __name__ == "__main__":
    sys.exit(main())
