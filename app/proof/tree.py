"""The Merkle tree of RFC 6962, as arithmetic: which hashes a root or a proof is made of.

A **node** is named by its level and its number on that level: it stands for the 2^level leaves from
number × 2^level on. Only nodes whose leaves are all there exist; a tree whose size is no power of two is put together
from the few of them that cover it, its **peaks**.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

#: Level and number.
Node: TypeAlias = tuple[int, int]


def hash_leaf(data: bytes) -> bytes:
    """The hash of a leaf. Its prefix tells leaves from nodes, so that neither can pass for the other."""
    return sha256(b"\0" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two halves."""
    return sha256(b"\1" + left + right).digest()


def cover(start: int, end: int) -> list[Node]:
    """The nodes that cover the leaves from ``start`` to before ``end``, left to right.

    ``start`` must be a multiple of the largest power of two that fits, as it always is in a tree.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over peaks, left to right. Of none it is the hash of nothing."""
    if not peaks:
        return sha256(b"").digest()
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = hash_node(peak, root)
    return root


def audit_path(index: int, size: int) -> list[tuple[int, int]]:
    """Of which ranges of leaves the hashes prove that leaf ``index`` is in the tree of ``size``: leaf to root."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[tuple[int, int]]:
    """Of which ranges of leaves the hashes prove that the tree of ``new`` begins with the tree of ``old``."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} leaves does not begin with one of {old}")
    path = []
    start, end = 0, new
    while old != end:
        middle = start + _left(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    # Where the old tree is itself a node from the start on, its root is known already.
    if start > 0:
        path.append((start, end))
    return path[::-1]


def nodes_of(ranges: Sequence[tuple[int, int]]) -> set[Node]:
    """All nodes that the hashes of these ranges are made of."""
    return {node for start, end in ranges for node in cover(start, end)}


def hashes_of(ranges: Sequence[tuple[int, int]], nodes: Mapping[Node, bytes]) -> list[bytes]:
    """The hash of each range."""
    return [fold([nodes[node] for node in cover(start, end)]) for start, end in ranges]


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Every node over these leaves' hashes, by level."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        found.append([hash_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return found


class Peaks:
    """A tree that grows: only its peaks are kept."""

    def __init__(self, peaks: Sequence[tuple[Node, bytes]] = ()) -> None:
        self.peaks = list(peaks)
        assert all(left[0] > right[0] for (left, _), (right, _) in pairwise(self.peaks)), "peaks fall from the left"

    def add(self, node: Node, hash_: bytes) -> list[tuple[Node, bytes]]:
        """Add the next node on the right; answers the larger nodes that it completes."""
        completed = []
        while self.peaks and self.peaks[-1][0][0] == node[0]:
            _, left = self.peaks.pop()
            node, hash_ = (node[0] + 1, node[1] >> 1), hash_node(left, hash_)
            completed.append((node, hash_))
        self.peaks.append((node, hash_))
        return completed

    def root_with(self, more: Sequence[bytes] = ()) -> bytes:
        """The root over the peaks and more of them on the right."""
        return fold([hash_ for _, hash_ in self.peaks] + list(more))


def completed_by(node: Node) -> list[Node]:
    """The larger nodes that are complete as soon as this one, which stands at the right of them, is."""
    level, number = node
    found = []
    while number & 1:
        level, number = level + 1, number >> 1
        found.append((level, number))
    return found


def _left(size: int) -> int:
    """How many leaves of a tree stand on the left of its root: the largest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1
