"""An audit trail that nobody can quietly change: sealed events, Merkle tree, signed checkpoints, proofs, verifier."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.audit.checkpoint import CheckpointSigner as CheckpointSigner
    from aegis_core.audit.checkpoint import open_checkpoint as open_checkpoint
    from aegis_core.audit.entry import decode_entry as decode_entry
    from aegis_core.audit.entry import encode_entry as encode_entry
    from aegis_core.audit.look import TrailLook as TrailLook
    from aegis_core.audit.look import look_at as look_at
    from aegis_core.audit.model import CopyState as CopyState
    from aegis_core.audit.model import Finding as Finding
    from aegis_core.audit.model import FindingKind as FindingKind
    from aegis_core.audit.model import SealedValue as SealedValue
    from aegis_core.audit.model import SignedCheckpoint as SignedCheckpoint
    from aegis_core.audit.model import StoredEvent as StoredEvent
    from aegis_core.audit.model import SubjectSeal as SubjectSeal
    from aegis_core.audit.model import Verdict as Verdict
    from aegis_core.audit.note import KeyType as KeyType
    from aegis_core.audit.note import VerifierKey as VerifierKey
    from aegis_core.audit.opening import SHREDDED as SHREDDED
    from aegis_core.audit.opening import OpenedEvent as OpenedEvent
    from aegis_core.audit.port import AuditCapabilities as AuditCapabilities
    from aegis_core.audit.port import AuditSink as AuditSink
    from aegis_core.audit.port import Entry as Entry
    from aegis_core.audit.port import JoinsTransactions as JoinsTransactions
    from aegis_core.audit.proof import TlogProof as TlogProof
    from aegis_core.audit.sinkcheck import verify_sink as verify_sink
    from aegis_core.audit.trail import AuditTrail as AuditTrail
    from aegis_core.audit.tree import leaf_hash as leaf_hash
    from aegis_core.audit.tree import verify_consistency as verify_consistency
    from aegis_core.audit.verifier import verify_folder as verify_folder

__all__ = [
    "SHREDDED",
    "AuditCapabilities",
    "AuditSink",
    "AuditTrail",
    "CheckpointSigner",
    "CopyState",
    "Entry",
    "Finding",
    "FindingKind",
    "JoinsTransactions",
    "KeyType",
    "OpenedEvent",
    "SealedValue",
    "SignedCheckpoint",
    "StoredEvent",
    "SubjectSeal",
    "TlogProof",
    "TrailLook",
    "Verdict",
    "VerifierKey",
    "decode_entry",
    "encode_entry",
    "leaf_hash",
    "look_at",
    "open_checkpoint",
    "verify_consistency",
    "verify_folder",
    "verify_sink",
]
__getattr__, __dir__ = lazy(
    __name__,
    {
        "look_at": ".look",
        "TrailLook": ".look",
        "AuditCapabilities": ".port",
        "AuditSink": ".port",
        "AuditTrail": ".trail",
        "CheckpointSigner": ".checkpoint",
        "CopyState": ".model",
        "Entry": ".port",
        "Finding": ".model",
        "FindingKind": ".model",
        "JoinsTransactions": ".port",
        "KeyType": ".note",
        "OpenedEvent": ".opening",
        "SHREDDED": ".opening",
        "SealedValue": ".model",
        "SignedCheckpoint": ".model",
        "StoredEvent": ".model",
        "SubjectSeal": ".model",
        "TlogProof": ".proof",
        "Verdict": ".model",
        "VerifierKey": ".note",
        "decode_entry": ".entry",
        "encode_entry": ".entry",
        "leaf_hash": ".tree",
        "open_checkpoint": ".checkpoint",
        "verify_consistency": ".tree",
        "verify_folder": ".verifier",
        "verify_sink": ".sinkcheck",
    },
)
