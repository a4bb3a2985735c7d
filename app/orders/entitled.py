"""Who held an instrument at the end of a day, by trade date: whatever was dealt since is left out of account.

Shares that are owed, because a deal was taken back after they were gone, count as less than nothing: the custodian has
so many fewer than the others hold.
"""

from dataclasses import dataclass
from datetime import date

from app.ledger.chart import Kind, address
from app.ledger.commit import Batch
from app.orders.rows import units


@dataclass(frozen=True, slots=True)
class Holding:
    """So many units of the instrument were in the book; negative if it owed them."""

    book: int
    quantity: int


async def holdings_before(batch: Batch, instrument_id: int, day: date, after: int, most: int) -> list[Holding]:
    """Customers who held or owed some when ``day`` began: the next ``most`` books past ``after``.

    What they have and owe now, without what was bought and with what was sold on that day or later. Handing over what
    is owed changes neither. Closed accounts are left out.
    """
    kinds = [Kind.POSITION, Kind.POSITION_HELD, Kind.RECEIVABLE]
    rows = await batch.connection.fetch(_HOLDERS, batch.journal.id, instrument_id, day, after, most, kinds)
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


#: An order that was dealt before and after: what is taken back of it is the newest first.
_HOLDERS = """
WITH part AS (
  SELECT book_id, balance AS quantity FROM ledger.account
  WHERE journal_id = $1 AND asset_id = $2 AND kind = ANY ($6) AND balance <> 0 AND book_id > $4
  UNION ALL
  SELECT o.book_id, -greatest(0, o.filled_quantity - (
    SELECT coalesce(sum(quantity), 0) FROM lot WHERE order_id = o.id AND instrument_id = $2 AND opened_on < $3))
  FROM market_order m JOIN allocation a ON a.market_order_id = m.id JOIN customer_order o ON o.id = a.order_id
  WHERE m.journal_id = $1 AND m.instrument_id = $2 AND m.side = 'BUY' AND m.trade_date >= $3 AND o.book_id > $4
  UNION ALL
  SELECT o.book_id, s.quantity
  FROM market_order m JOIN allocation a ON a.market_order_id = m.id JOIN customer_order o ON o.id = a.order_id
  JOIN lot_sale s ON s.order_id = o.id AND s.sold_on >= $3
  WHERE m.journal_id = $1 AND m.instrument_id = $2 AND m.side = 'SELL' AND m.trade_date >= $3 AND o.book_id > $4)
SELECT p.book_id, sum(p.quantity) AS quantity FROM part p JOIN ledger.book b ON b.id = p.book_id AND NOT b.closed
GROUP BY p.book_id HAVING sum(p.quantity) <> 0 ORDER BY p.book_id LIMIT $5
"""
