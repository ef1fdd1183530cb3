"""``aegis audit verify``: the trail that is configured, or a log in a folder without any settings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from aegis_cli.audit.keys import read_text, verifier_keys
from aegis_cli.audit.verdict import Verification
from aegis_cli.exits import Exit
from aegis_cli.opened import opened
from aegis_cli.output import AsJson, Output
from aegis_core import AegisError, AuditTrail, ErrorCode
from aegis_core.audit import (
    Finding,
    FindingKind,
    SignedCheckpoint,
    VerifierKey,
    open_checkpoint,
    verify_consistency,
    verify_folder,
)
from aegis_core.kernel import SYSTEM_CLOCK

_BESIDE = "verifier-keys"


async def verify(
    *,
    log: Annotated[
        Path | None, Parameter(help="A folder with checkpoint and tile/. Needs no settings and loads no writer.")
    ] = None,
    key: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            help="A key of the log, name+id+key, or a file of such lines. Without one: the keyring's, or those beside "
            "a folder's log.",
        ),
    ] = (),
    witness: Annotated[tuple[str, ...], Parameter(negative=(), help="The same of a witness that you trust.")] = (),
    quorum: Annotated[int, Parameter(help="How many of the witnesses must have signed.")] = 0,
    from_checkpoint: Annotated[
        Path | None, Parameter(help="An older checkpoint that you kept: the log must extend it.")
    ] = None,
    strict: Annotated[
        bool,
        Parameter(negative=(), help="Also read every entry of a folder: form, ids, times. Of the trail: always."),
    ] = False,
    as_json: AsJson = False,
) -> Exit:
    """Recompute every leaf of the trail, or of a log in a folder, and compare: tiles, root, signatures.

    Nothing is decrypted. The last second of the configured trail is published first, so that it is covered, too.

    JSON: {"intact": bool, "origin": str, "size": int, "root": hex, "keys": "given" | "keyring" | "beside the log",
    "signed_by": [{"name": str, "id": hex, "type": str}], "witnessed_by": [the same], "unchecked": [name], "seconds":
    float, "findings": [{"kind": str, "message": str, "meaning": str, "index"?: int, "time"?: str, "path"?: str}]}
    """
    out = Output(as_json=as_json)
    keys, witnesses = verifier_keys(key), verifier_keys(witness, said="--witness")
    if quorum > len({each.name for each in witnesses}):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "--quorum asks for more witnesses than --witness names")
    kept = None if from_checkpoint is None else read_text(from_checkpoint, said="--from-checkpoint")
    if log is None:
        verification = await _configured(out, keys, witnesses, quorum, kept)
    else:
        verification = _folder(out, log, keys, witnesses, quorum, kept, strict=strict)
    out.answer(verification.document(), *verification.lines())
    return Exit.OK if verification.verdict.intact else Exit.INTEGRITY


def _folder(
    out: Output,
    folder: Path,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    quorum: int,
    kept: str | None,
    /,
    *,
    strict: bool,
) -> Verification:
    given = bool(keys)
    if not given and (folder / _BESIDE).is_file():
        keys = verifier_keys([str(folder / _BESIDE)])
    began = SYSTEM_CLOCK.monotonic()
    with out.progress("verifying") as at:
        verdict = verify_folder(folder, keys, strict=strict, kept=kept, witnesses=witnesses, quorum=quorum, progress=at)
    seconds = SYSTEM_CLOCK.monotonic() - began
    note = ""
    if verdict.root:
        note = read_text(folder / "checkpoint", said="--log")
    return Verification.of(
        verdict,
        note,
        keys=keys,
        witnesses=witnesses,
        trust="given" if given else "beside the log",
        seconds=seconds,
    )


async def _configured(
    out: Output,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    quorum: int,
    kept: str | None,
    /,
) -> Verification:
    async with opened("audit") as aegis:
        trail = aegis.audit
        given = bool(keys)
        keys = keys or [VerifierKey.decode(text) for text in await trail.verifier_keys()]
        began = SYSTEM_CLOCK.monotonic()
        checkpoint = await trail.checkpoint()
        with out.progress("verifying") as at:
            verdict = await trail.verify(progress=at)
        findings = list(verdict.findings)
        findings += _signatures(checkpoint.note, keys, witnesses, quorum)
        if kept is not None:
            findings += await _history(trail, checkpoint, kept, keys)
    verdict = attrs.evolve(verdict, intact=not findings, findings=tuple(findings))
    return Verification.of(
        verdict,
        checkpoint.note,
        keys=keys,
        witnesses=witnesses,
        trust="given" if given else "keyring",
        seconds=SYSTEM_CLOCK.monotonic() - began,
    )


def _signatures(
    note: str, keys: Sequence[VerifierKey], witnesses: Sequence[VerifierKey], quorum: int
) -> Iterator[Finding]:
    try:
        open_checkpoint(note, keys, witnesses=witnesses, quorum=quorum)
    except AegisError as error:
        yield Finding(FindingKind.SIGNATURE, error.message, path="checkpoint")


async def _history(
    trail: AuditTrail, checkpoint: SignedCheckpoint, kept: str, keys: Sequence[VerifierKey]
) -> list[Finding]:
    try:
        older = open_checkpoint(kept, keys).checkpoint
    except AegisError as error:
        if error.code is not ErrorCode.INTEGRITY:
            raise
        return [Finding(FindingKind.SIGNATURE, f"the kept checkpoint: {error.message}")]
    if older.size > checkpoint.size:
        return [
            Finding(
                FindingKind.HISTORY,
                f"the log ends at {checkpoint.size} entries and once had {older.size}: its tail was cut, or an old "
                "state was put back",
            )
        ]
    proof = await trail.consistency(older.size, checkpoint.size)
    if verify_consistency(older.size, older.root, checkpoint.size, checkpoint.root, proof):
        return []
    return [
        Finding(FindingKind.HISTORY, f"the first {older.size} entries are not those of the checkpoint that was kept")
    ]
