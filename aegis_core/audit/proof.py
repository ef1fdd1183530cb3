"""A proof that travels alone: C2SP tlog-proof, files named ``.tlog-proof``."""

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final, NoReturn

import attrs

from aegis_core.audit.checkpoint import Verified, decode_checkpoint, open_checkpoint
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.note import VerifierKey, decode_base64
from aegis_core.audit.tree import HASH_SIZE, leaf_hash, verify_inclusion
from aegis_core.kernel.errors import AegisError, ErrorCode

HEADER: Final = "c2sp.org/tlog-proof@v1"
MOST_HASHES: Final = 63

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


@attrs.frozen
class TlogProof:
    """Where an entry lies in a log, and why anyone may believe it. `verify` does all of the checking.

    Arguments:
        index: the entry's position.
        hashes: the inclusion proof, from the leaf's sibling upwards.
        checkpoint: of the log that holds the entry.
        extra: whatever the log's owner adds; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...] = attrs.field(repr=False)
    checkpoint: SignedCheckpoint
    extra: bytes | None = attrs.field(default=None, repr=False)

    def encode(self) -> str:
        """The proof as it lies in a file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [b64encode(each).decode() for each in self.hashes]
        return "\n".join(lines) + f"\n\n{self.checkpoint.note}"

    @classmethod
    def decode(cls, text: str, /) -> "TlogProof":
        """Read a proof; nothing of it is verified yet.

        Raises:
            AegisError: ``invalid_argument``.
        """
        head, gap, note = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or lines.pop(0) != HEADER:
            _refuse("this is not a proof of the first version")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if match is None or len(lines) > MOST_HASHES:
            _refuse("a proof names an index, then at most 63 hashes")
        hashes = tuple(map(decode_base64, lines))
        if any(len(each) != HASH_SIZE for each in hashes):
            _refuse("a hash in a proof is 32 bytes")
        return cls(int(match[1]), hashes, decode_checkpoint(note), extra)

    def verify(
        self,
        entry: bytes,
        /,
        *,
        keys: Iterable[VerifierKey],
        witnesses: Iterable[VerifierKey] = (),
        quorum: int = 0,
    ) -> Verified:
        """Check everything: the entry's hash, origin and signature of the log, the witnesses, the inclusion.

        Arguments:
            entry: the body whose place in the log is claimed.
            keys: the log's keys, each named as the log; at least one must have signed.
            witnesses: cosigners that the caller trusts.
            quorum: how many of them must have signed.

        Returns:
            The checkpoint that holds the entry, and who signed it.

        Raises:
            AegisError: ``integrity`` naming the step that failed, ``invalid_argument`` for a note that is none.
        """
        # Only what the note says counts: the fields of `checkpoint` are for people.
        verified = open_checkpoint(self.checkpoint.note, keys, witnesses=witnesses, quorum=quorum)
        checkpoint = verified.checkpoint
        if not verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root):
            raise AegisError(
                ErrorCode.INTEGRITY,
                "the entry is not at this index of the log that the checkpoint signs",
                operation="audit.proof",
            )
        return verified


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.proof") from None
