"""Change one byte of the log, as somebody with access to the disk could, and see that it does not go unnoticed."""

import shutil
from pathlib import Path

from aegis_core.audit.note import VerifierKey
from aegis_core.audit.verifier import verify_folder


def tamper(log: Path, copy: Path, verifier_keys: tuple[str, ...], /) -> str:
    """Copy the log, flip one bit in the middle of the newest bundle of entries, and verify the copy.

    Returns:
        What was done and what the verifier says, for people.
    """
    if copy.exists():
        shutil.rmtree(copy)
    shutil.copytree(log, copy)
    bundle = max((copy / "tile" / "entries").rglob("*"), key=lambda path: (path.is_file(), path.stat().st_mtime_ns))
    content = bytearray(bundle.read_bytes())
    offset = len(content) // 2
    content[offset] ^= 1
    bundle.write_bytes(content)
    verdict = verify_folder(copy, [VerifierKey.decode(key) for key in verifier_keys])
    lines = [
        "",
        "tampered with",
        f"  one bit of byte {offset} of {bundle} was flipped, in a copy of the log",
        *(f"  {finding.message}" for finding in verdict.findings),
        f"  {verdict.size} entries: {'intact' if verdict.intact else 'NOT INTACT'}",
    ]
    return "\n".join(lines)
