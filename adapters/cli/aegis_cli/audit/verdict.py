"""What a verifier found, for people and for machines. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import attrs
from rich.text import Text

from aegis_cli.figures import counted, grouped
from aegis_cli.output import BAD, FAINT, OK, WARN, Json, plain
from aegis_core import AegisError
from aegis_core.audit import Finding, FindingKind, KeyType, Verdict, VerifierKey, open_checkpoint

#: Where the keys came from that the signatures were checked with.
Trust: TypeAlias = Literal["given", "keyring", "beside the log"]

#: What a finding means for who reads it.
MEANING: Final[Mapping[FindingKind, str]] = {
    FindingKind.SIGNATURE: "nobody whose key is known vouches for this log",
    FindingKind.CHECKPOINT: "without a checkpoint nothing says what the log should be: it was removed or overwritten",
    FindingKind.MISSING: "a part of the log was removed, or was not copied along",
    FindingKind.MALFORMED: "a file of the log was cut or overwritten",
    FindingKind.ENTRY: "this entry was changed after it was recorded and signed for",
    FindingKind.TILE: "hashes were changed, or an entry and its hash together",
    FindingKind.ROOT: "the log as a whole is not what was signed",
    FindingKind.HISTORY: "entries that once were there are gone or others: the log was cut, put back or written anew",
    FindingKind.CANONICAL: "this entry was not written by a trail of a version that is known here",
    FindingKind.DUPLICATE: "the same event is recorded twice: one of them was copied in",
    FindingKind.ORDER: "an entry was put in late, or a clock was set back by more than a day",
}

_TYPES: Final[Mapping[KeyType, str]] = {
    KeyType.ED25519: "Ed25519",
    KeyType.COSIGNATURE_ED25519: "Ed25519",
    KeyType.COSIGNATURE_ML_DSA_44: "ML-DSA-44",
}


@attrs.frozen
class Verification:
    """A verdict, and on whose word it rests.

    Arguments:
        logs: the log's keys that signed.
        witnesses: the caller's witnesses that signed.
        unchecked: names on the checkpoint for which no key was given.
        seconds: how long it took.
    """

    verdict: Verdict
    trust: Trust
    logs: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...]
    unchecked: tuple[str, ...]
    seconds: float

    @classmethod
    def of(
        cls,
        verdict: Verdict,
        note: str,
        /,
        *,
        keys: Sequence[VerifierKey],
        witnesses: Sequence[VerifierKey],
        trust: Trust,
        seconds: float,
    ) -> "Verification":
        """Read from the checkpoint who signed it. What is wrong with the signatures, the verdict says already."""
        logs: tuple[VerifierKey, ...] = ()
        cosigners: tuple[VerifierKey, ...] = ()
        try:
            verified = open_checkpoint(note, keys, witnesses=witnesses)
            logs, cosigners = verified.log_keys, verified.witness_keys
        except AegisError:
            pass
        names = (line.split(" ")[1] for line in note.splitlines() if line.startswith("— ") and line.count(" ") > 1)
        known = {key.name for key in (*keys, *witnesses)}
        unchecked = tuple(dict.fromkeys(name for name in names if name not in known))
        return cls(verdict, trust, logs, cosigners, unchecked, seconds)

    def document(self) -> dict[str, Json]:
        """The answer for machines."""
        verdict = self.verdict
        return {
            "intact": verdict.intact,
            "origin": verdict.origin,
            "size": verdict.size,
            "root": verdict.root.hex(),
            "keys": self.trust,
            "signed_by": [_key(key) for key in self.logs],
            "witnessed_by": [_key(key) for key in self.witnesses],
            "unchecked": list(self.unchecked),
            "seconds": round(self.seconds, 3),
            "findings": [_finding(finding) for finding in verdict.findings],
        }

    def lines(self) -> list[Text]:
        """The answer for people; the last line ends in the verdict."""
        lines: list[Text] = []
        for finding in self.verdict.findings:
            lines.append(Text.assemble(" ", (told(finding), BAD)))
            lines.append(Text.assemble("   ", (MEANING[finding.kind], WARN)))
        lines += [
            Text(f" {plain(name)} signed, too, and no key was given that checks it", style=FAINT)
            for name in self.unchecked
        ]
        if self.trust == "beside the log" and self.logs:
            lines.append(
                Text(" the keys lie beside the log: compare them with a copy of your own, or give --key", style=WARN)
            )
        lines.append(self._summary())
        return lines

    def _summary(self) -> Text:
        verdict = self.verdict
        word = ("intact", OK) if verdict.intact else ("NOT INTACT", BAD)
        if not verdict.root:
            return Text.assemble(" ", word)
        root = verdict.root.hex()
        parts = [
            counted(verdict.size, "entry", "entries"),
            f"root {root[:4]}…{root[-4:]}",
            f"signed by {_names(self.logs) or 'nobody known'}",
        ]
        if self.witnesses:
            parts.append(f"witnessed by {_names(self.witnesses)}")
        parts.append(f"every leaf recomputed in {self.seconds:.1f} s")
        return Text.assemble(" ", " · ".join(parts), "    ", word)


def told(finding: Finding, /) -> str:
    """One finding in one line: the entry and its time in front, the file behind."""
    path = "" if finding.path is None else f" [{plain(finding.path)}]"
    message = plain(finding.message)
    if finding.index is None:
        return message + path
    when = "" if finding.time is None else f" ({finding.time[:10]} {finding.time[11:19]}Z)"
    entry = f"entry {finding.index} "
    gap = " " if message.startswith(entry) else ": "
    return f"entry {grouped(finding.index)}{when}{gap}{message.removeprefix(entry)}{path}"


def _names(keys: Sequence[VerifierKey]) -> str:
    ids: dict[str, list[str]] = {}
    for key in keys:
        ids.setdefault(key.name, []).append(f"{_TYPES[key.type]} {key.key_id.hex()}")
    return ", ".join(f"{plain(name)} ({', '.join(known)})" for name, known in ids.items())


def _key(key: VerifierKey) -> dict[str, Json]:
    return {"name": key.name, "id": key.key_id.hex(), "type": _TYPES[key.type]}


def _finding(finding: Finding) -> dict[str, Json]:
    document: dict[str, Json] = {
        "kind": str(finding.kind),
        "message": finding.message,
        "meaning": MEANING[finding.kind],
        "index": finding.index,
        "time": finding.time,
        "path": finding.path,
    }
    return {name: value for name, value in document.items() if value is not None}
