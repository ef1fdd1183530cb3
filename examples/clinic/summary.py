"""What was done, where things lie, what was searched for, and whether the trail is intact."""

import resource
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import attrs

from aegis_core.audit.model import Verdict
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.resilience.model import BreakerMetrics
from examples.clinic.home import Home
from examples.clinic.model import Intake
from examples.clinic.morning import Outcome
from examples.clinic.search import Report


@attrs.frozen
class Done:
    """A morning's work, finished."""

    intake: Intake
    outcome: Outcome
    home: Home
    verdict: Verdict
    verifier_keys: tuple[str, ...]
    uncertain: int
    lab_refused: int
    breaker: BreakerMetrics
    lab_waits: int
    waits: Counter[str]
    started: float


def summary(done: Done, report: Report | None, /) -> str:
    """Lay it out for people. It names no patient."""
    intake, outcome = done.intake, done.outcome
    others = sum(intake.others.values())
    filed = sum(outcome.filed.values())
    lines = [
        "",
        "input",
        f"  {len(intake.documents):>6} documents of {len({d.patient_id for d in intake.documents})} patients",
        f"  {others:>6} other resources, read and not filed",
        f"  {intake.without_subject:>6} without a subject, {intake.without_id} without an id: not filed",
        f"  {intake.repeated:>6} repeated; {intake.versions} further versions of an id, filed beside the first",
        f"  {len(intake.refusals):>6} refused ({_counts(Counter(refusal.code for refusal in intake.refusals))})",
        "done",
        f"  {filed:>6} filed, sealed ({_counts(outcome.filed)})",
        f"  {outcome.already_filed:>6} had been filed before",
        f"  {outcome.read:>6} read back and compared",
        f"  {outcome.sent:>6} results sent to the lab, {outcome.already_sent} that it had before",
        (
            f"         (it refused {done.lab_refused} calls, the breaker opened {done.breaker.opened} times, "
            f"work waited {done.lab_waits} times)"
        ),
        f"  {sum(outcome.letters.values()):>6} letters ({_counts(outcome.letters)}); {done.uncertain} uncertain in all",
        f"  {done.waits.total():>6} times work waited for a service ({_counts(done.waits)})",
        "where",
        *(f"  {name:<9} {place}" for name, place in done.home.places()),
    ]
    if report is not None:
        found = "0 hits" if not report.hits else f"{len(report.hits)} HITS"
        lines += [
            "searched",
            (
                f"  every byte of {report.files} files ({report.octets / 1e6:.1f} MB), their names, and this page, for "
                f"{report.needles} names and numbers:"
            ),
            f"  raw, JSON-escaped, URL-encoded, base64 at three offsets, mails decoded: {found}",
            *(f"    {hit.form} at {hit.offset} of {hit.file}" for hit in report.hits[:20]),
        ]
    verdict = done.verdict
    state = "intact" if verdict.intact else "NOT INTACT"
    lines += [
        "audit trail",
        (
            f"  {verdict.size} entries, root {verdict.root.hex()[:8]}…{verdict.root.hex()[-4:]}, "
            f"signed by {', '.join(sorted(set(verdict.signed_by)))}: {state}"
        ),
        *(f"    {finding.message}" for finding in verdict.findings[:20]),
        *_check_it_yourself(done.home),
        "",
        f"{SYSTEM_CLOCK.monotonic() - done.started:.1f} s, {_peak_megabytes():.0f} MB at the most",
    ]
    return "\n".join(lines)


def _check_it_yourself(home: Home) -> list[str]:
    if home.log is None:
        return []
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):  # the one that has what it needs, in as few letters as it takes
        python = python.relative_to(Path.cwd())
    return [
        "  check it yourself:",
        f"  {python} -m aegis_core.audit.verifier {home.log} --key {home.log / 'verifier-keys'}",
    ]


def _counts(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "none"


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # the other figure counts what the parent process had, too
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
