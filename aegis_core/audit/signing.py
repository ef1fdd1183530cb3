"""The keys that a trail signs its checkpoints with, and the keys that verify them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from aegis_core.audit.checkpoint import CheckpointSigner, open_checkpoint
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.note import KeyType, VerifierKey
from aegis_core.audit.sealing import TrailKeys
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.errors import AegisError, ErrorCode

#: Verifier keys, one a line; for people, who keep their own copy: trust must not come from beside the log.
VERIFIER_KEYS = "log/verifier-keys"


class Signing:
    """Signs with the ring's active keys, Ed25519 and ML-DSA-44, under the log's own name."""

    def __init__(self, keyring: TrailKeys, origin: str, /) -> None:
        self._keyring = keyring
        self._origin = origin
        self._ids = ("", "")
        self._signer: CheckpointSigner | None = None

    async def signer(self) -> CheckpointSigner:
        """The signer for the keys that are active now; new keys are published before they sign."""
        ed25519 = await self._keyring.active(KeyPurpose.SIGN_ED25519)
        ml_dsa_44 = await self._keyring.active(KeyPurpose.SIGN_ML_DSA_44)
        ids = (ed25519.id, ml_dsa_44.id)
        if self._signer is None or ids != self._ids:
            signer = CheckpointSigner(self._origin, ed25519=ed25519.secret, ml_dsa_44=ml_dsa_44.secret)
            await self._publish([key.encode() for key in signer.verifier_keys])
            self._signer, self._ids = signer, ids
        return self._signer

    async def known(self) -> tuple[VerifierKey, ...]:
        """Verifier keys of every signer that this trail ever had, as the keyring has them, oldest first; makes none."""
        ed25519 = await self._keyring.every(KeyPurpose.SIGN_ED25519)
        ml_dsa_44 = await self._keyring.every(KeyPurpose.SIGN_ML_DSA_44)
        known: list[VerifierKey] = []
        for key in reversed(ed25519):
            public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key()
            known.append(VerifierKey(self._origin, KeyType.ED25519, public.public_bytes_raw()))
        for key in reversed(ml_dsa_44):
            lattice = MLDSA44PrivateKey.from_seed_bytes(key.secret).public_key()
            known.append(VerifierKey(self._origin, KeyType.COSIGNATURE_ML_DSA_44, lattice.public_bytes_raw()))
        return tuple(known)

    async def check(self, note: bytes, /) -> SignedCheckpoint:
        """Read a checkpoint that was stored, and check that this trail signed it.

        Raises:
            AegisError: ``integrity`` where it was not, or names another log.
        """
        try:
            verified = open_checkpoint(note.decode(), await self.known())
        except UnicodeDecodeError:
            raise AegisError(ErrorCode.INTEGRITY, "the stored checkpoint is not text", operation="audit.open") from None
        if verified.checkpoint.origin != self._origin:
            raise AegisError(
                ErrorCode.INTEGRITY,
                f"the stored checkpoint is of the log {verified.checkpoint.origin!r}, this trail is {self._origin!r}",
                operation="audit.open",
            )
        return verified.checkpoint

    async def _publish(self, keys: list[str]) -> None:
        state = self._keyring.state
        while True:
            document = await state.get(VERIFIER_KEYS)
            known = [] if document is None else document.body.decode().split()
            if all(key in known for key in keys):
                return
            body = "".join(f"{key}\n" for key in [*known, *(key for key in keys if key not in known)])
            try:
                await state.put(VERIFIER_KEYS, body.encode(), expected=None if document is None else document.revision)
            except AegisError as error:
                if error.code is not ErrorCode.CONFLICT:
                    raise
