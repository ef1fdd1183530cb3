"""Verify a log's folder without trusting who wrote it: ``python -m aegis_core.audit.verifier LOGDIR --key VKEY``.

Loads nothing of the writer, needs no secret and decrypts nothing.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TextIO

from aegis_core.audit.model import Finding, FindingKind, Verdict
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.verification import Progress, verification
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.errors import AegisError, ErrorCode

INTACT: Final = 0
USAGE: Final = 2
NOT_INTACT: Final = 3
TRY_AGAIN: Final = 75

_TRIES: Final = 3


def verify_folder(
    folder: Path,
    keys: Iterable[VerifierKey],
    /,
    *,
    strict: bool = False,
    kept: str | None = None,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    progress: Progress | None = None,
) -> Verdict:
    """Verify the tiled log in a folder: every entry, every tile, the signatures, and what the caller kept of it.

    Arguments:
        folder: holds ``checkpoint`` and ``tile/``.
        keys: the log's keys, each named as the log; at least one must have signed.
        strict: also read every entry: canonical, of a known version, no id twice, no time far before an earlier one.
        kept: an older checkpoint that the caller kept where the log's owner could not change it.
        witnesses: cosigners that the caller trusts.
        quorum: how many of them must have signed.
        progress: called with entries seen and entries in all.

    Raises:
        AegisError: ``not_found`` where there is no log, ``permission_denied`` or ``unavailable`` where it cannot be
            read now, ``invalid_argument`` where ``kept`` is not a checkpoint.
    """
    keys, witnesses = tuple(keys), tuple(witnesses)
    for _ in range(_TRIES):
        note = _read(folder / "checkpoint")
        if note is None:
            return _without_checkpoint(folder)
        verdict = _run(
            folder, note, keys, strict=strict, kept=kept, witnesses=witnesses, quorum=quorum, progress=progress
        )
        # A writer may have replaced partial tiles while they were read: then the checkpoint is a newer one now.
        missing = any(finding.kind is FindingKind.MISSING for finding in verdict.findings)
        if not missing or _read(folder / "checkpoint") == note:
            return verdict
    raise AegisError(
        ErrorCode.UNAVAILABLE, "the log kept growing while it was read: try again", operation="audit.verify"
    )


def _run(
    folder: Path,
    note: bytes,
    keys: tuple[VerifierKey, ...],
    *,
    strict: bool,
    kept: str | None,
    witnesses: tuple[VerifierKey, ...],
    quorum: int,
    progress: Progress | None,
) -> Verdict:
    text = note.decode("utf-8", "replace")  # what is not UTF-8 is then no checkpoint that anybody signed
    steps = verification(text, keys, strict=strict, kept=kept, witnesses=witnesses, quorum=quorum, progress=progress)
    try:
        tile = next(steps)
        while True:
            tile = steps.send(_read(folder / tile.path))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise AegisError(
            ErrorCode.PERMISSION_DENIED, "a file of the log may not be read by this user", operation="audit.verify"
        ) from error
    except OSError as error:
        raise AegisError(
            ErrorCode.UNAVAILABLE, "a file of the log cannot be read now", operation="audit.verify"
        ) from error


def _without_checkpoint(folder: Path) -> Verdict:
    if not (folder / "tile").is_dir():
        raise AegisError(
            ErrorCode.NOT_FOUND, "this folder holds no log: no checkpoint and no tiles", operation="audit.verify"
        )
    finding = Finding(
        FindingKind.CHECKPOINT, "the checkpoint is missing: nothing vouches for the rest", path="checkpoint"
    )
    return Verdict(intact=False, size=0, root=b"", findings=(finding,))


def verifier_main(
    arguments: Sequence[str] | None = None,
    /,
    *,
    out: TextIO | None = None,
    err: TextIO | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Run the verifier as a program.

    Returns:
        0 intact, 2 wrong usage, 3 not intact, 75 unreadable now.
    """
    answers: TextIO = sys.stdout if out is None else out
    complaints: TextIO = sys.stderr if err is None else err
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse has said why
        return INTACT if not stop.code else USAGE
    began = clock.monotonic()
    try:
        keys = [key for text in options.key for key in _keys(text)]
        kept = None if options.from_checkpoint is None else _text(options.from_checkpoint)
        verdict = verify_folder(
            options.folder, keys, strict=options.strict, kept=kept, progress=_progress_bar(complaints)
        )
    except AegisError as error:
        print(f"{parser.prog}: {error.message}", file=complaints)
        return TRY_AGAIN if error.code in {ErrorCode.UNAVAILABLE, ErrorCode.PERMISSION_DENIED} else USAGE
    if options.json:
        print(json.dumps(_as_json(verdict), ensure_ascii=False), file=answers)
    else:
        for line in describe(verdict, seconds=clock.monotonic() - began):
            print(line, file=answers)
    return INTACT if verdict.intact else NOT_INTACT


def describe(verdict: Verdict, /, *, seconds: float) -> list[str]:
    """The lines that the program prints, the last one with the verdict at its end.

    Arguments:
        seconds: how long the verification took.
    """
    lines = [f" {_told(finding)}" for finding in verdict.findings]
    root = verdict.root.hex()
    signers = ", ".join(verdict.signed_by) or "nobody known"
    if verdict.root:
        lines.append(
            f" {_grouped(verdict.size)} entries · root {root[:8]}…{root[-4:]} · signed by {signers} · "
            f"every leaf recomputed in {seconds:.1f} s    {'intact' if verdict.intact else 'NOT INTACT'}"
        )
    else:
        lines.append(" NOT INTACT")
    return lines


def _told(finding: Finding) -> str:
    path = "" if finding.path is None else f" [{finding.path}]"
    if finding.index is None:
        return finding.message + path
    when = "" if finding.time is None else f" ({finding.time[:10]} {finding.time[11:19]}Z)"
    entry = f"entry {finding.index} "
    gap = " " if finding.message.startswith(entry) else ": "
    return f"entry {_grouped(finding.index)}{when}{gap}{finding.message.removeprefix(entry)}{path}"


def _as_json(verdict: Verdict) -> dict[str, object]:
    return {
        "intact": verdict.intact,
        "origin": verdict.origin,
        "size": verdict.size,
        "root": verdict.root.hex(),
        "signed_by": list(verdict.signed_by),
        "findings": [
            {
                name: value
                for name, value in (
                    ("kind", str(finding.kind)),
                    ("message", finding.message),
                    ("index", finding.index),
                    ("time", finding.time),
                    ("path", finding.path),
                )
                if value is not None
            }
            for finding in verdict.findings
        ],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aegis_core.audit.verifier",
        description="Recompute a tiled log from its entries and compare it with the checkpoint that was signed.",
        epilog="Exit codes: 0 intact, 2 wrong usage, 3 not intact, 75 unreadable now.",
    )
    parser.add_argument("folder", metavar="LOGDIR", type=Path, help="the folder with checkpoint and tile/")
    parser.add_argument(
        "--key", metavar="VKEY", action="append", required=True,
        help="a verifier key (name+id+key) of the log, or a file with one a line; may be given several times",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="also read every entry: form, version, ids, times")
    parser.add_argument("--from-checkpoint", metavar="FILE", type=Path, help="an older checkpoint that you kept")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    return parser


def _keys(text: str) -> list[VerifierKey]:
    if text.count("+") >= 2:
        return [VerifierKey.decode(text)]
    return [VerifierKey.decode(line) for line in _text(Path(text)).splitlines() if line]


def _text(path: Path) -> str:
    octets = _read(path)
    if octets is None:
        raise AegisError(ErrorCode.NOT_FOUND, f"there is no file {path}", operation="audit.verify")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"{path} is not text", operation="audit.verify") from None


def _progress_bar(err: TextIO) -> Progress | None:
    if not err.isatty():
        return None

    def show(seen: int, size: int) -> None:
        percent = seen * 100 // size
        if seen == size:
            err.write("\r\x1b[K")
        elif percent != (seen - 256) * 100 // size:
            err.write(f"\r{percent:3d} % of {_grouped(size)} entries")
        err.flush()

    return show


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


if __name__ == "__main__":
    raise SystemExit(verifier_main())
