"""The Merkle tree over the heads of all chains, as RFC 6962 (section 2.1) has it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from shared.trail.canonical import canonical

NODES = 64  # A path longer than this belongs to no tree.


class NotInTree(ValueError):
    """The path does not fit a tree of that size."""


def leaf(user_id: str, place: int, head: bytes) -> bytes:
    """What a tree holds of one user: how long the chain is, and its last hash."""
    return canonical({"user": user_id, "place": place, "head": head.hex()})


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash over all leaves in their order; of none, that of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = _hashed(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What must be known besides ``leaves[index]`` to compute the root, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    found = []
    level = _hashed(leaves)
    while len(level) > 1:
        if (beside := index ^ 1) < len(level):
            found.append(level[beside])
        index //= 2
        level = _above(level)
    return found


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of the tree of ``size`` leaves in which ``leaf`` has this path. Raises NotInTree."""
    if not 0 <= index < size or len(path) > NODES:
        raise NotInTree(f"no leaf {index} among {size}")
    found, last, rest = _leaf_hash(leaf), size - 1, iter(path)
    while last:
        if index % 2 or index < last:
            beside = next(rest, None)
            if beside is None:
                raise NotInTree("the path is too short")
            found = _node_hash(beside, found) if index % 2 else _node_hash(found, beside)
        index, last = index // 2, last // 2
    if next(rest, None) is not None:
        raise NotInTree("the path is too long")
    return found


def _hashed(leaves: Sequence[bytes]) -> list[bytes]:
    return [_leaf_hash(leaf) for leaf in leaves]


def _above(level: list[bytes]) -> list[bytes]:
    # A node without a neighbour goes up as it is: that is how RFC 6962 splits a list at a power of two.
    pairs = [_node_hash(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
    return pairs + level[len(pairs) * 2 :]


def _leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
