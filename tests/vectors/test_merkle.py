"""Public Merkle proofs: every one verifies, and against another root none does."""

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from aegis_core.audit.tree import verify_consistency, verify_inclusion, verify_subtree_consistency

WRONG = bytes(32)


def _cases() -> list[Any]:
    folder = os.environ.get("AEGIS_VECTORS")
    if not folder:
        return [pytest.param(None, None, marks=pytest.mark.skip(reason="AEGIS_VECTORS names no folder"))]
    top = Path(folder) / "merkle"
    return [
        pytest.param(path.relative_to(top).parts[0], json.loads(path.read_bytes()), id=str(path.relative_to(top)))
        for path in sorted(top.rglob("*.json"))
    ]


@pytest.mark.parametrize(("kind", "case"), _cases())
def test_a_public_proof_verifies_and_against_another_root_does_not(kind: str, case: dict[str, Any]) -> None:
    assert case["wantErr"] is False
    proof = [b64decode(each) for each in case["proof"] or ()]
    roots = [b64decode(case[name]) for name in ("root", "root1", "root2") if name in case]
    if kind in {"inclusion", "subtreeinclusion"}:
        start, stop = case.get("start", 0), case.get("end", case.get("treeSize"))
        place = (b64decode(case["leafHash"]), case["leafIdx"] - start, stop - start, proof)
        assert verify_inclusion(*place, roots[0])
        assert not verify_inclusion(*place, WRONG)
    elif kind == "consistency":
        assert verify_consistency(case["size1"], roots[0], case["size2"], roots[1], proof)
        assert not verify_consistency(case["size1"], roots[0], case["size2"], WRONG, proof)
        assert not verify_consistency(case["size1"], WRONG, case["size2"], roots[1], proof)
    else:
        place = (case["start"], case["end"])
        assert verify_subtree_consistency(*place, roots[0], case["size"], roots[1], proof)
        assert not verify_subtree_consistency(*place, WRONG, case["size"], roots[1], proof)


def test_none_of_the_public_proofs_is_left_out() -> None:
    if "AEGIS_VECTORS" not in os.environ:
        pytest.skip("AEGIS_VECTORS names no folder")
    assert len(_cases()) == 36
