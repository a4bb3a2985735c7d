"""Who held an instrument at the end of a day, by trade date: whatever was dealt since is left out of account."""

from dataclasses import dataclass
from datetime import date

from app.ledger.chart import Kind, address
from app.ledger.commit import Batch
from app.orders.rows import units


@dataclass(frozen=True, slots=True)
class Holding:
    """So many units of the instrument were in the book."""

    book: int
    quantity: int


async def holdings_before(batch: Batch, instrument_id: int, day: date, after: int, most: int) -> list[Holding]:
    """Customers who held some when ``day`` began, by their lots: the next ``most`` books past ``after``.

    What was bought before and is still there, or was sold on that day or later. Closed accounts are left out.
    """
    rows = await batch.connection.fetch(_HOLDERS, batch.journal.tenant_id, instrument_id, day, after, most)
    return [Holding(row["book_id"], units(row["quantity"])) for row in rows]


async def house_before(batch: Batch, instrument_id: int, day: date) -> int:
    """What the house had when ``day`` began; negative if it owed some."""
    house = batch.journal.house
    now = await batch.connection.fetchval(
        "SELECT coalesce(sum(balance), 0) FROM ledger.account WHERE id = ANY ($1)",
        [address(house, instrument_id, kind) for kind in (Kind.INVENTORY, Kind.SHORT)],
    )
    since = await batch.connection.fetchval(
        "SELECT coalesce(sum(house_quantity - supplied), 0) FROM market_order"
        " WHERE journal_id = $1 AND instrument_id = $2 AND trade_date >= $3",
        batch.journal.id,
        instrument_id,
        day,
    )
    return units(now) - units(since)


_HOLDERS = """
SELECT l.book_id, sum(l.remaining + coalesce(s.sold, 0)) AS quantity
FROM lot l JOIN ledger.book b ON b.id = l.book_id AND NOT b.closed
LEFT JOIN LATERAL (SELECT sum(quantity) AS sold FROM lot_sale WHERE lot_id = l.id AND sold_on >= $3) s ON true
WHERE l.tenant_id = $1 AND l.instrument_id = $2 AND l.opened_on < $3 AND l.book_id > $4
GROUP BY l.book_id HAVING sum(l.remaining + coalesce(s.sold, 0)) > 0 ORDER BY l.book_id LIMIT $5
"""
