"""What the room of proofs hands out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A checkpoint that the publisher has taken; ``note`` is all that it took."""

    journal_id: int
    size: int
    root: bytes
    made_at: datetime
    published_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class LogBlock:
    """A full block of the log: the root of its entries, chained to the block before it."""

    number: int
    root: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That an entry, whose text is ``leaf``, is in the log at ``index`` (from 0), under a checkpoint."""

    leaf: str
    index: int
    tree_size: int
    audit_path: Sequence[bytes]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of one checkpoint begins with the log of an earlier one. Both are signed notes."""

    old: str
    new: str
    path: Sequence[bytes]
