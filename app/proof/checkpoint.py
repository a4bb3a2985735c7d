"""A checkpoint: how long the log was at some time, and the root over all of it, as c2sp.org/tlog-checkpoint has it.

Two extension lines follow the root: when it was made, and the hash of the text of the checkpoint before it. So
checkpoints are a chain of their own, and who has the newest can tell whether one was left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from app.ledger.types import Journal
from app.proof.leaf import time_text
from app.proof.note import NoteInvalid, VerifierKey, from_base64, open_note, to_base64

#: What stands in the place of a hash where there is no checkpoint before.
FIRST: Final = bytes(32)

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of one log at one size. ``previous`` is the hash of the checkpoint before it."""

    origin: str
    size: int
    root: bytes
    at: datetime
    previous: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        lines = (
            self.origin,
            str(self.size),
            to_base64(self.root),
            f"time {time_text(self.at)}",
            f"previous {to_base64(self.previous)}",
        )
        return "".join(f"{line}\n" for line in lines)

    @property
    def hash(self) -> bytes:
        """By what the next checkpoint names this one."""
        return sha256(self.text.encode()).digest()


def origin_of(base: str, journal: Journal) -> str:
    """What the checkpoints of a journal are issued under: ids only, nothing about anybody."""
    return origin(base, journal.tenant_id, journal.id)


def origin(base: str, tenant_id: UUID, journal_id: int) -> str:
    """The same, from the ids."""
    return f"{base}/{tenant_id}/{journal_id}"


def issued_under(note: str) -> str:
    """The name of the log that a note says it is a checkpoint of, whoever signed it."""
    return note.partition("\n")[0]


def open_checkpoint(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note that one of the keys signed, of the log that the key is named after.

    Raises ``NoteInvalid``. One private key may sign for many logs: only the text says of which it speaks.
    """
    by_name = list(keys)
    text = open_note(note, by_name)
    lines = text.split("\n")
    try:
        origin, size, root, time, previous, end = lines
        found = Checkpoint(
            origin,
            int(size),
            from_base64(root),
            datetime.fromisoformat(time.removeprefix("time ")),
            from_base64(previous.removeprefix("previous ")),
        )
        if origin not in {key.name for key in by_name}:
            raise ValueError(f"it is of another log, {origin[:120]!r}")
        if end or found.text != text or found.size < 1 or {len(found.root), len(found.previous)} != {_HASH_BYTES}:
            raise ValueError("it says more, or less, than a checkpoint does")
    except ValueError as error:
        raise NoteInvalid(f"it is signed, but no checkpoint: {error}") from error
    return found
