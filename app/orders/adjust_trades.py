"""Trades that have not settled follow a split: the street owes the shares, or is owed them, at the new terms."""

from dataclasses import dataclass
from uuid import UUID

from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.market.types import Side
from app.orders.rows import units
from app.orders.run import CHUNK


@dataclass(frozen=True, slots=True)
class Adjusted:
    """How many trades were adjusted, and how many shares more the street owes us by it (negative: fewer)."""

    trades: int
    street: int


async def adjust_trades(batch: Batch, action_id: UUID, instrument_id: int, new: int, old: int) -> Adjusted:
    """Adjust the next trades of the instrument, each once for an action; the caller posts what it makes of the street.

    What is due for a purchase is rounded down and what is due for a sale too: each side owes whole units.
    """
    rows = await batch.connection.fetch(_NEXT, batch.journal.id, instrument_id, action_id, CHUNK)
    changes: list[tuple[UUID, int, int]] = []
    for row in rows:
        before = units(row["quantity"])
        after = before * new // old
        changes.append((row["id"], after, (after - before) * (1 if row["side"] == Side.BUY else -1)))
    await batch.connection.executemany(
        "UPDATE trade_settlement SET quantity = $2, adjusted_by = $3 WHERE id = $1",
        [(id_, to_decimal(after), action_id) for id_, after, _ in changes],
    )
    return Adjusted(len(changes), sum(change for _, _, change in changes))


_NEXT = """
SELECT id, side, quantity FROM trade_settlement
WHERE journal_id = $1 AND instrument_id = $2 AND settled_at IS NULL AND adjusted_by IS DISTINCT FROM $3
ORDER BY id LIMIT $4
"""
