"""Checking an export: whole, as it was written, and its log intact. Needs no settings, no keys and no network."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import attrs

from aegis_cli.export.folder import OPERATION
from aegis_cli.export.layout import ENTRIES, LOG, MANIFEST, PROGRESS, SUMS, UNFINISHED, Manifest, read_sum
from aegis_cli.export.making import digest_of
from aegis_cli.output import Progress
from aegis_core import AegisError, ErrorCode
from aegis_core.audit import Verdict, VerifierKey, verify_folder


@attrs.frozen
class Wrong:
    """One file that is not what was exported."""

    file: str
    message: str


@attrs.frozen
class Check:
    """What a check found.

    Arguments:
        wrong: files, in the order of their names.
        verdict: on the log.
    """

    manifest: Manifest
    wrong: tuple[Wrong, ...]
    verdict: Verdict

    @property
    def intact(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.wrong and self.verdict.intact


def check(folder: Path, keys: Sequence[VerifierKey], progress: Progress, /) -> Check:
    """Recompute every sum and the whole log.

    Arguments:
        keys: of the log.

    Raises:
        AegisError: ``not_found`` if there is no whole export; ``integrity`` where its manifest is damaged.
    """
    manifest = Manifest.decode(_manifest(folder))
    wrong: list[Wrong] = []
    listed = (folder / SUMS).read_bytes() if (folder / SUMS).is_file() else b""
    if sha256(listed).hexdigest() != manifest.sums:
        wrong.append(Wrong(SUMS, f"is not the list that {MANIFEST} names"))
    names: set[str] = {SUMS, MANIFEST, UNFINISHED, PROGRESS}
    lines = listed.decode("utf-8", "replace").splitlines()
    for done, each in enumerate(lines, 1):
        read = read_sum(each)
        if read is None:
            wrong.append(Wrong(SUMS, f"line {done} is not a sum and the name of a file"))
            continue
        digest, name = read
        names.add(name)
        path = folder / name
        if not path.is_file():
            wrong.append(Wrong(name, "is missing"))
        elif digest_of(path) != digest:
            wrong.append(Wrong(name, "was changed"))
        progress(done, len(lines))
    wrong += [Wrong(name, "is not part of the export") for name in _others(folder, names)]
    verdict = verify_folder(folder / LOG, keys, strict=True)
    if verdict.root and (verdict.size, verdict.root.hex()) != (manifest.size, manifest.root):
        wrong.append(Wrong(f"{LOG}/checkpoint", f"is not the one that {MANIFEST} names"))
    if not any(each.file == ENTRIES for each in wrong) and _count(folder / ENTRIES) != manifest.size:
        wrong.append(Wrong(ENTRIES, "has another number of lines than the log has entries"))
    return Check(manifest, tuple(wrong), verdict)


def _manifest(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        pass
    if (folder / UNFINISHED).exists():
        told = "this export was ended before it was whole: call aegis export with this folder once more"
    else:
        told = "this folder holds no export"
    raise AegisError(ErrorCode.NOT_FOUND, told, operation=OPERATION)


def _others(folder: Path, names: set[str]) -> list[str]:
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in files if name not in names)


def _count(file: Path) -> int:
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return -1
