"""The Merkle tree of RFC 6962 / RFC 9162: hashing, an appendable tree with small state, proofs and their verification.

Nothing here does I/O. Who makes a proof passes a function that knows the roots of complete subtrees.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, NoReturn, TypeAlias

from aegis_core.kernel.errors import AegisError, ErrorCode

EMPTY_ROOT: Final = sha256(b"").digest()
HASH_SIZE: Final = 32

_NODE: Final = sha256(b"\x01")

#: Root of the complete subtree at (level, position): it covers leaves ``position << level`` to
#: ``(position + 1) << level``; level 0 are the leaf hashes.
Subtrees: TypeAlias = Callable[[int, int], bytes]
Range: TypeAlias = tuple[int, int]  #: leaves, half-open


def leaf_hash(entry: bytes, /) -> bytes:
    """SHA-256(0x00 ‖ entry), RFC 9162 §2.1.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes, /) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 9162 §2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes, /) -> bytes:
    """Root over hashes laid end to end, a row of the tree from its left edge or one aligned subtree of it.

    Arguments:
        hashes: 32 bytes each, at least one.
    """
    node = _NODE.copy
    while len(hashes) > HASH_SIZE:
        paired = len(hashes) & ~63
        row: list[bytes] = []
        put = row.append
        for at in range(0, paired, 64):
            hashing = node()
            hashing.update(hashes[at : at + 64])
            put(hashing.digest())
        put(hashes[paired:])  # an odd one moves up as it is
        hashes = b"".join(row)
    return hashes


class Tree:
    """An appendable tree that keeps one hash a level, O(log n) in all.

    Arguments:
        size: leaves so far.
        peaks: roots of the complete subtrees that make up the tree, largest first: one for each 1 in the binary
            spelling of ``size``. `subtree_ranges(0, size)` names them.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self._size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in self._peaks):
            _refuse("the peaks of a tree do not fit its size")

    @classmethod
    def of(cls, size: int, subtrees: Subtrees, /) -> "Tree":
        """Take up a tree of a known size from wherever its hashes lie, tiles for instance."""
        return cls(size, [subtrees(level, position) for level, position in subtree_nodes(0, size)])

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first: all that has to be kept to go on."""
        return tuple(self._peaks)

    def append(self, leaf: bytes, /) -> None:
        """Add one leaf hash."""
        size, peaks, node = self._size, self._peaks, leaf
        while size & 1:
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            size >>= 1
        peaks.append(node)
        self._size += 1

    def extend(self, leaves: Iterable[bytes], /) -> None:
        """Add leaf hashes in order."""
        peaks, hash_, count = self._peaks, sha256, self._size
        pop, push = peaks.pop, peaks.append
        for leaf in leaves:
            size, node = count, leaf
            while size & 1:
                node = hash_(b"\x01" + pop() + node).digest()
                size >>= 1
            push(node)
            count += 1
        self._size = count

    def root(self) -> bytes:
        """The root of RFC 9162 §2.1.1; of an empty tree SHA-256 of nothing."""
        peaks = self._peaks
        if not peaks:
            return EMPTY_ROOT
        node = peaks[-1]
        for peak in reversed(peaks[:-1]):
            node = sha256(b"\x01" + peak + node).digest()
        return node


def subtree_nodes(start: int, stop: int, /) -> list[tuple[int, int]]:
    """Complete subtrees that make up an aligned range of leaves, left to right, as (level, position)."""
    nodes = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int, /) -> list[Range]:
    """Ranges of leaves whose roots are the inclusion proof of a leaf, from its sibling upwards (RFC 9162 §2.1.3.1).

    Raises:
        AegisError: ``invalid_argument`` unless ``0 <= index < size``.
    """
    if not 0 <= index < size:
        _refuse("there is no leaf of this index in a tree of this size")
    ranges: list[Range] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old: int, new: int, /) -> list[Range]:
    """Ranges of leaves whose roots prove that the tree of ``new`` leaves extends that of ``old`` (RFC 9162 §2.1.4.1).

    Nothing has to be proved where ``old`` is 0 or equals ``new``.

    Raises:
        AegisError: ``invalid_argument`` unless ``0 <= old <= new``.
    """
    if not 0 <= old <= new:
        _refuse("a tree is consistent with a smaller or an equal one only")
    ranges: list[Range] = []
    if old in {0, new}:
        return ranges
    start, stop = 0, new
    while stop != old:
        middle = start + _split(stop - start)
        if old <= middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # what is left was not the whole old tree, so that its root is not known to the verifier
        ranges.append((start, stop))
    ranges.reverse()
    return ranges


def range_root(start: int, stop: int, subtrees: Subtrees, /) -> bytes:
    """Root over an aligned range of leaves."""
    hashes = [subtrees(level, position) for level, position in subtree_nodes(start, stop)]
    node = hashes.pop()
    while hashes:
        node = node_hash(hashes.pop(), node)
    return node


def inclusion_proof(index: int, size: int, subtrees: Subtrees, /) -> tuple[bytes, ...]:
    """Prove that a leaf is in the tree of ``size`` leaves."""
    return tuple(range_root(start, stop, subtrees) for start, stop in inclusion_ranges(index, size))


def consistency_proof(old: int, new: int, subtrees: Subtrees, /) -> tuple[bytes, ...]:
    """Prove that the tree of ``new`` leaves extends that of ``old`` leaves."""
    return tuple(range_root(start, stop, subtrees) for start, stop in consistency_ranges(old, new))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows the leaf hash at ``index`` of the tree with this size and root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the new tree extends the old one (RFC 9162 §2.1.4.2).

    An empty tree has one root and is extended by every tree; trees of one size have one root. Both need no proof, and
    take none.
    """
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    return verify_subtree_consistency(0, old, old_root, new, new_root, proof)


def verify_subtree_consistency(
    start: int,
    stop: int,
    subtree_root: bytes,
    size: int,
    root: bytes,
    proof: Sequence[bytes],
) -> bool:
    """Whether a proof shows that leaves ``start`` to ``stop`` of the tree have this root of their own.

    As in the Merkle tree certificates draft (draft-ietf-plants-merkle-tree-certs); a range must be aligned: ``start``
    is a multiple of the smallest power of two that is not below its length. A range of no leaves has the empty tree's
    root in every tree, and takes no proof.
    """
    length = stop - start
    if length == 0 and 0 <= start <= size:
        return not proof and subtree_root == EMPTY_ROOT
    if not 0 <= start < stop <= size or start % (1 << (length - 1).bit_length()):
        return False
    if length == size:
        return not proof and subtree_root == root
    if not _are_hashes(subtree_root, root, *proof):
        return False
    first, last, end = start, stop - 1, size - 1
    reaches_end = last == end
    while first != last and (reaches_end or last & 1):
        first, last, end = first >> 1, last >> 1, end >> 1
    rest = iter(proof)
    if first == last:
        inner = outer = subtree_root
    else:
        seed = next(rest, None)
        if seed is None:
            return False
        inner = outer = seed
    for sibling in rest:
        if end == 0:
            return False
        if last & 1 or last == end:
            if first < last:
                inner = node_hash(sibling, inner)
            outer = node_hash(sibling, outer)
            while not last & 1 and last:
                first, last, end = first >> 1, last >> 1, end >> 1
        else:
            outer = node_hash(outer, sibling)
        first, last, end = first >> 1, last >> 1, end >> 1
    return end == 0 and inner == subtree_root and outer == root


def _split(length: int) -> int:
    """The largest power of two below a length of two or more."""
    return 1 << ((length - 1).bit_length() - 1)


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(each) == HASH_SIZE for each in hashes)


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.tree")
