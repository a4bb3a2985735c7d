"""Writes accepted orders."""

from collections.abc import Sequence

from app.ledger.batch import Batch
from app.market.market import NEW_YORK
from app.orders.types import Order


async def record_orders(batch: Batch, orders: Sequence[Order]) -> None:
    """Insert the orders."""
    if not orders:
        return
    rows = [
        (
            order.id,
            order.account_id,
            order.book_id,
            order.instrument_id,
            order.side.value,
            order.amount,
            order.quantity,
            order.sell_all,
            order.status.value,
            order.reference_price,
            order.held,
            order.funding.settled,
            order.funding.unsettled,
            order.funding.instant,
            order.funding_due_on,
            order.terms.type.value,
            order.terms.limit_price,
            order.terms.time_in_force.value,
            order.terms.expires_at,
            order.replaces,
            order.placed_at,
        )
        for order in orders
    ]
    today = batch.effective_at.astimezone(NEW_YORK).date()
    columns = zip(*rows, strict=True)
    await batch.connection.execute(_INSERT, batch.journal.tenant_id, batch.journal.id, *columns, today)


_INSERT = """
INSERT INTO customer_order (tenant_id, journal_id, placed_on, id, account_id, book_id, instrument_id, side, amount,
  quantity, sell_all, status, reference_price, held, funded_settled, funded_unsettled, funded_instant, funding_due_on,
  type, limit_price, time_in_force, expires_at, replaces, placed_at)
SELECT $1, $2, $24::date, id, account_id, book_id, instrument_id, side, amount * 0.00000001, quantity * 0.00000001,
  sell_all, status, price * 0.00000001, held * 0.00000001, settled * 0.00000001, unsettled * 0.00000001,
  instant * 0.00000001, funding_due_on, type, limit_price * 0.00000001, time_in_force, expires_at, replaces, placed_at
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::int[], $7::text[], $8::bigint[], $9::bigint[], $10::boolean[],
  $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::date[], $18::text[],
  $19::bigint[], $20::text[], $21::timestamptz[], $22::uuid[], $23::timestamptz[])
  AS u(id, account_id, book_id, instrument_id, side, amount, quantity, sell_all, status, price, held, settled,
    unsettled, instant, funding_due_on, type, limit_price, time_in_force, expires_at, replaces, placed_at)
"""
