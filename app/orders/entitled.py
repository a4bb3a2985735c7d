"""Who held an instrument at the end of a day, by trade date: whatever was dealt since is left out of account.

Shares that are owed, because a deal was taken back after they were gone, count as less than nothing: the custodian has
so many fewer than the others hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.orders.rows import units


@dataclass(frozen=True, slots=True)
class Holding:
    """So many units of the instrument were in the book; negative if it owed them."""

    book: int
    quantity: int


async def holdings_before(batch: Batch, instrument_id: int, day: date, books: Sequence[int]) -> list[Holding]:
    """Which of these customers' books held or owed some when ``day`` began, in the order of books.

    What they have and owe now, without what was bought and with what was sold on that day or later. Handing over what
    is owed changes neither. Closed accounts are left out.
    """
    kinds = (Kind.POSITION, Kind.POSITION_HELD, Kind.RECEIVABLE)
    accounts = [address(book, instrument_id, kind) for book in books for kind in kinds]
    rows = await batch.connection.fetch(_HELD, batch.journal.tenant_id, instrument_id, day, books, accounts)
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


#: An order that was dealt before and after: what is taken back of it is the newest first. Deals are found by the lots
#: that they opened or closed, so that those of other books are not looked at.
_HELD = """
WITH lots AS (
  SELECT id, order_id, opened_on, book_id FROM lot WHERE tenant_id = $1 AND instrument_id = $2 AND book_id = ANY ($4)),
part AS (
  SELECT book_id, balance AS quantity FROM ledger.account WHERE id = ANY ($5) AND balance <> 0
  UNION ALL
  SELECT o.book_id, -greatest(0, o.filled_quantity - (
    SELECT coalesce(sum(quantity), 0) FROM lot WHERE order_id = o.id AND instrument_id = $2 AND opened_on < $3))
  FROM customer_order o JOIN allocation a ON a.order_id = o.id JOIN market_order m ON m.id = a.market_order_id
  WHERE o.id IN (SELECT order_id FROM lots WHERE opened_on >= $3)
    AND m.instrument_id = $2 AND m.side = 'BUY' AND m.trade_date >= $3
  UNION ALL
  SELECT l.book_id, s.quantity FROM lots l JOIN lot_sale s ON s.lot_id = l.id
  WHERE s.sold_on >= $3 AND s.order_id IS NOT NULL)
SELECT p.book_id, sum(p.quantity) AS quantity FROM part p JOIN ledger.book b ON b.id = p.book_id AND NOT b.closed
GROUP BY p.book_id HAVING sum(p.quantity) <> 0 ORDER BY p.book_id
"""
