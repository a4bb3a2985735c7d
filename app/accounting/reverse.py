"""Which entries may be taken back by a reversal, and what they moved.

Only those whose whole truth is in the ledger. A fill has lots, holds and settlement behind it and is taken back by its
venue (a bust); a split has every holder behind it. Reversing their transfers alone would leave those rooms behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.accounting.errors import JournalError
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.money import to_units
from app.ledger.batch import Batch
from app.ledger.chart import asset_of
from app.ledger.types import Leg
from app.orders.old_terms import changed_since

REVERSIBLE: Final = frozenset(
    {
        EventType.DEPOSIT,
        EventType.WITHDRAWAL,
        EventType.HOUSE_FUNDED,
        EventType.MANUAL_JOURNAL,
        EventType.FEE,
        EventType.INTEREST,
    }
)


@dataclass(frozen=True, slots=True)
class Reversible:
    """An entry that can be taken back: whose it is, when it took effect, and what it moved."""

    position: int
    book: int
    type: EventType
    correlation: UUID | None
    effective_at: datetime
    moved: Sequence[Leg]


async def reversible(batch: Batch, position: int, *, by: UUID | None = None) -> Reversible | Refusal:
    """The entry at a position, or why it can't be reversed. ``by`` is the proposal that is being decided."""
    row = await batch.connection.fetchrow(
        "SELECT e.book_id, e.type, e.correlation, e.recorded_at, e.effective_at, b.closed FROM ledger.event e"
        " JOIN ledger.book b ON b.id = e.book_id WHERE e.journal_id = $1 AND e.position = $2",
        batch.journal.id,
        position,
    )
    assert row is not None, "who asks has seen the entry"
    type_ = EventType(row["type"])
    moved = await _moved(batch, position)
    if type_ not in REVERSIBLE or not moved:
        names = ", ".join(sorted(REVERSIBLE))
        message = (
            f"An entry of the type {type_} can't be reversed by hand: more than the ledger knows of it. A deal is taken"
            f" back by its venue, a corporate action by its own room, a transfer by one the other way. Reversible are"
            f" {names} that moved something."
        )
        return Refusal(JournalError.NOT_REVERSIBLE, message, "entryId")
    if row["closed"]:
        message = "The account is closed: nothing can be posted to it any more."
        return Refusal(JournalError.ACCOUNT_CLOSED, message, "entryId")
    if await changed_since(batch, {asset_of(leg.debit) for leg in moved}, row["recorded_at"]):
        message = (
            "A split or merger has changed the shares since, so the old number would be wrong. Propose a journal over"
            " as many shares as they are now."
        )
        return Refusal(JournalError.NOT_REVERSIBLE, message, "entryId")
    other = await batch.connection.fetchrow(_REVERSED, batch.journal.id, position, by, batch.recorded_at)
    if other is not None:
        done = "was reversed before" if other["status"] == "POSTED" else "is about to be reversed: decide that proposal"
        message = f"The entry {done} (proposed by {other['proposed_by']}); an entry is reversed once."
        return Refusal(JournalError.ALREADY_REVERSED, message, "entryId")
    return Reversible(position, row["book_id"], type_, row["correlation"], row["effective_at"], moved)


async def _moved(batch: Batch, position: int) -> list[Leg]:
    rows = await batch.connection.fetch(
        "SELECT debit_account_id, credit_account_id, amount FROM ledger.transfer"
        " WHERE journal_id = $1 AND position = $2 ORDER BY leg",
        batch.journal.id,
        position,
    )
    return [Leg(row["debit_account_id"], row["credit_account_id"], to_units(row["amount"])) for row in rows]


_REVERSED = """
SELECT status, proposed_by FROM manual_journal
WHERE journal_id = $1 AND reverses = $2 AND id IS DISTINCT FROM $3
  AND (status = 'POSTED' OR status = 'PROPOSED' AND expires_at > $4)
"""
