"""The Merkle tree word for word as RFC 6962 defines it, and the stand-alone verifier as a module."""

import importlib.util
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

VERIFIER = Path(__file__).parents[2] / "verifier" / "wealthgraph_verify.py"


def load_verifier() -> Any:
    """The one file, as Python sees it."""
    spec = importlib.util.spec_from_file_location("wealthgraph_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["wealthgraph_verify"] = module
    spec.loader.exec_module(module)
    return module


def split(size: int) -> int:
    """The largest power of two smaller than the size."""
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*proof(m, leaves[:k], whole=whole), tree_hash(leaves[k:])]
    return [*proof(m - k, leaves[k:], whole=False), tree_hash(leaves[:k])]
