"""``aegis export FOLDER`` and ``aegis export FOLDER --check``."""

import os
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.text import Text

from aegis_cli.audit.keys import verifier_keys
from aegis_cli.audit.verdict import told
from aegis_cli.exits import Exit
from aegis_cli.export.checking import Check, check
from aegis_cli.export.folder import OPERATION, ExportFolder
from aegis_cli.export.layout import LOG, Manifest
from aegis_cli.export.making import make
from aegis_cli.figures import counted
from aegis_cli.landing import refused
from aegis_cli.opened import opened
from aegis_cli.output import BAD, OK, WARN, AsJson, Json, Output, plain
from aegis_cli.revealing import Revealing
from aegis_core import AegisError, ErrorCode, Settings
from aegis_core.kernel import Part

_PARTS: Final[tuple[Part, ...]] = ("audit", "storage")


async def export(
    folder: Annotated[Path, Parameter(help="Empty or not there; or an export that was ended, which then goes on.")],
    /,
    *,
    check_only: Annotated[
        bool, Parameter(name="--check", negative=(), help="Check an export instead: needs no settings.")
    ] = False,
    key: Annotated[
        tuple[str, ...],
        Parameter(negative=(), help="With --check: a key of the log, or a file of keys; else those in the export."),
    ] = (),
    revealing: Revealing | None = None,
    as_json: AsJson = False,
) -> Exit:
    """Export everything in open formats: audit log, objects, keyring, deliveries. Leave whenever you like.

    What is sealed stays sealed; with --reveal entries and objects are opened into the folder. Each object is on record,
    and so is the export. It is whole once export.json is there: ended before, call it again and it goes on.

    JSON: {"origin": str, "opened": bool, "entries": int, "root": hex, "objects": int, "damaged": int, "files": int,
    "bytes": int, "sums": hex}; with --check also {"intact": bool, "wrong": [{"file": str, "message": str}]}
    """
    out = Output(as_json=as_json)
    asked = revealing or Revealing()
    asked.check()
    if check_only:
        return _check(out, folder, key)
    if key:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "--key goes with --check", operation=OPERATION)
    stores = ["default", *Settings.read(os.environ, only=_PARTS).named]
    async with opened(*_PARTS) as aegis:
        with ExportFolder(folder, opened=asked.reveal) as target:
            async with asked.granted(aegis, "export") as may_reveal:
                try:
                    manifest = await make(aegis, target, stores, out, purpose=asked.purpose if may_reveal else None)
                except OSError as failure:
                    raise refused(failure, operation=OPERATION) from None
    out.answer(_document(manifest), *_lines(manifest))
    return Exit.INTEGRITY if manifest.damaged else Exit.OK


def _check(out: Output, folder: Path, key: tuple[str, ...]) -> Exit:
    beside = folder / LOG / "verifier-keys"
    keys = verifier_keys(key or ((str(beside),) if beside.is_file() else ()))
    with out.progress("checking") as at:
        found = check(folder, keys, at)
    wrong: list[Json] = [{"file": each.file, "message": each.message} for each in found.wrong]
    wrong += [{"file": f"{LOG}/{each.path or ''}", "message": told(each)} for each in found.verdict.findings]
    document = {**_document(found.manifest), "intact": found.intact, "wrong": wrong}
    out.answer(document, *_found(found), *_lines(found.manifest), Text(" ").append(*_word(found)))
    return Exit.OK if found.intact else Exit.INTEGRITY


def _word(found: Check) -> tuple[str, str]:
    return ("intact", OK) if found.intact else ("NOT INTACT", BAD)


def _found(found: Check) -> list[Text]:
    lines = [Text(f" {plain(each.file)} {each.message}", style=BAD) for each in found.wrong]
    return lines + [Text(f" {told(each)}", style=BAD) for each in found.verdict.findings]


def _lines(manifest: Manifest) -> list[Text]:
    kind = "opened" if manifest.opened else "sealed"
    parts = (
        counted(manifest.size, "entry", "entries"),
        f"{counted(manifest.objects, 'object', 'objects')}, {kind}",
        f"{counted(manifest.files, 'file', 'files')}, {counted(manifest.octets, 'byte', 'bytes')}",
    )
    lines = [Text(f" {' · '.join(parts)}")]
    if manifest.damaged:
        told_so = f' {counted(manifest.damaged, "object", "objects")} could not be read: their lines say "damaged"'
        lines.append(Text(told_so, style=WARN))
    return lines


def _document(manifest: Manifest) -> dict[str, Json]:
    return {
        "origin": manifest.origin,
        "opened": manifest.opened,
        "entries": manifest.size,
        "root": manifest.root,
        "objects": manifest.objects,
        "damaged": manifest.damaged,
        "files": manifest.files,
        "bytes": manifest.octets,
        "sums": manifest.sums,
    }
