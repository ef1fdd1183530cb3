"""The tree against a naive one, its proofs, and every kind of change to them refused."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.tree import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    fold,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
)
from aegis_core.kernel.errors import AegisError

LEAVES = [leaf_hash(str(number).encode()) for number in range(200)]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1 as it reads."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def subtrees(level: int, position: int) -> bytes:
    start, stop = position << level, (position + 1) << level
    assert stop <= len(LEAVES)
    return naive_root(LEAVES[start:stop])


@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 127, 128, 129, 200])
def test_root_is_the_naive_root_however_the_tree_was_grown(size: int) -> None:
    expected = naive_root(LEAVES[:size])
    one_by_one = Tree()
    for leaf in LEAVES[:size]:
        one_by_one.append(leaf)
    at_once = Tree()
    at_once.extend(LEAVES[:size])
    taken_up = Tree.of(size // 2, subtrees)
    taken_up.extend(LEAVES[size // 2 : size])
    assert one_by_one.root() == at_once.root() == taken_up.root() == expected
    assert one_by_one.size == at_once.size == taken_up.size == size
    assert len(at_once.peaks) == size.bit_count()
    assert Tree(size, at_once.peaks).root() == expected
    if size:
        assert fold(b"".join(LEAVES[:size])) == expected


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(AegisError):
        Tree(3, [LEAVES[0]])
    with pytest.raises(AegisError):
        Tree(1, [b"short"])


def test_every_leaf_of_every_small_tree_is_proved() -> None:
    for size in range(1, 70):
        root = naive_root(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, subtrees)
            assert verify_inclusion(LEAVES[index], index, size, proof, root)


def test_every_small_tree_is_proved_to_extend_every_smaller_one() -> None:
    for new in range(60):
        for old in range(new + 1):
            proof = consistency_proof(old, new, subtrees)
            assert verify_consistency(old, naive_root(LEAVES[:old]), new, naive_root(LEAVES[:new]), proof)


def test_trivial_sizes() -> None:
    root = naive_root(LEAVES[:5])
    assert verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    assert not verify_consistency(0, EMPTY_ROOT, 0, root, ())
    assert not verify_consistency(0, root, 5, root, ())
    assert not verify_consistency(0, EMPTY_ROOT, 5, root, (root,))
    assert not verify_consistency(5, root, 5, naive_root(LEAVES[:6]), ())
    assert not verify_consistency(5, root, 5, root, (root,))
    assert not verify_consistency(6, root, 5, root, ())
    assert not verify_consistency(-1, root, 5, root, ())
    for index, size in [(0, 0), (5, 5), (-1, 5)]:
        assert not verify_inclusion(LEAVES[0], index, size, (), LEAVES[0])
        with pytest.raises(AegisError):
            inclusion_proof(index, size, subtrees)
    with pytest.raises(AegisError):
        consistency_proof(6, 5, subtrees)


@given(st.integers(1, 120), st.data())
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaf, root = LEAVES[index], naive_root(LEAVES[:size])
    proof = inclusion_proof(index, size, subtrees)
    for changed in changes(list(proof), data):
        assert not verify_inclusion(leaf, index, size, changed, root)
    assert not verify_inclusion(flip(leaf, data), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, flip(root, data))
    for other in {0, size - 1, index + 1, index - 1} - {index}:
        assert not verify_inclusion(leaf, other, size, proof, root)
    if size > 1:  # a node is no leaf
        assert not verify_inclusion(node_hash(leaf, proof[0]), index // 2, (size + 1) // 2, proof[1:], flip(root, data))


@given(st.integers(2, 120), st.data())
def test_a_changed_consistency_proof_is_refused(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
    proof = consistency_proof(old, new, subtrees)
    for changed in changes(list(proof), data):
        assert not verify_consistency(old, old_root, new, new_root, changed)
    assert not verify_consistency(old, new_root, new, old_root, proof)
    assert not verify_consistency(old, flip(old_root, data), new, new_root, proof)
    assert not verify_consistency(old, old_root, new, flip(new_root, data), proof)
    # Lies about sizes. (Some sizes share a proof's shape, so a verifier alone cannot tell those; the signed text does.)
    forged = naive_root([*LEAVES[: old - 1], flip(LEAVES[old - 1], data)])
    assert not verify_consistency(old, forged, new, new_root, proof)


def changes(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """Every kind of change to a list of hashes: longer, shorter, flipped, swapped, of another length."""
    changed = [[*proof, LEAVES[0]], [LEAVES[0], *proof]]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed += [
            proof[:-1],
            proof[1:],
            [*proof[:at], flip(proof[at], data), *proof[at + 1 :]],
            [*proof[:at], proof[at][:-1], *proof[at + 1 :]],
            [*proof, proof[-1]],
        ]
        if len(proof) > 1:
            changed.append(proof[::-1])
    return changed


def flip(octets: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(octets) * 8 - 1))
    return (int.from_bytes(octets) ^ 1 << at).to_bytes(len(octets))


def test_subtrees_agree_with_their_tree() -> None:
    for size in range(1, 40):
        root = naive_root(LEAVES[:size])
        for stop in range(1, size + 1):
            proof = list(consistency_proof(stop, size, subtrees))
            assert verify_subtree_consistency(0, stop, naive_root(LEAVES[:stop]), size, root, proof)
    assert not verify_subtree_consistency(1, 3, naive_root(LEAVES[1:3]), 5, naive_root(LEAVES[:5]), [])
    assert not verify_subtree_consistency(0, 6, naive_root(LEAVES[:6]), 5, naive_root(LEAVES[:5]), [])
