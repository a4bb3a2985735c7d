"""What money stands behind buys."""

from collections.abc import Sequence
from dataclasses import replace

from app.ledger.batch import Batch
from app.orders.types import Order


async def with_funding_dates(batch: Batch, orders: Sequence[Order]) -> list[Order]:
    """Buys on unsettled money remember when the last of it settles (for good-faith violations)."""
    books = [order.book_id for order in orders if order.funding.unsettled]
    if not books:
        return list(orders)
    rows = await batch.connection.fetch(
        "SELECT book_id, max(due_on) AS due_on FROM cash_settlement WHERE book_id = ANY ($1) AND settled_at IS NULL"
        " GROUP BY book_id",
        books,
    )
    due = {row["book_id"]: row["due_on"] for row in rows}
    return [
        replace(order, funding_due_on=due.get(order.book_id)) if order.funding.unsettled else order for order in orders
    ]
