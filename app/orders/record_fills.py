"""Writes what fills change of orders, their lines of the allocation statement, and their proceeds."""

from collections.abc import Sequence

from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.market.types import Side
from app.orders.fill import OrderFill
from app.orders.types import MarketOrder

Fills = Sequence[tuple[MarketOrder, OrderFill]]


async def record_fills(batch: Batch, fills: Fills) -> None:
    """Record where each order stands, and when what it brought settles."""
    if not fills:
        return
    await _update_orders(batch, [fill for _, fill in fills])
    await _expect_proceeds(batch, [(made, fill) for made, fill in fills if made.side is Side.SELL and fill.last_amount])


async def _update_orders(batch: Batch, fills: Sequence[OrderFill]) -> None:
    columns = (
        [fill.order.id for fill in fills],
        [fill.order.filled_quantity + fill.last_quantity for fill in fills],
        [fill.order.filled_amount + fill.last_amount for fill in fills],
    )
    await batch.connection.execute(
        "UPDATE allocation a SET filled_quantity = u.quantity * 0.00000001, filled_amount = u.amount * 0.00000001"
        " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u(id, quantity, amount) WHERE a.order_id = u.id",
        *columns,
    )
    await batch.connection.execute(
        "UPDATE customer_order o SET filled_quantity = u.quantity * 0.00000001,"
        " filled_amount = u.amount * 0.00000001, held = u.held * 0.00000001, status = u.status, reason = u.reason,"
        " ended_at = CASE WHEN u.final THEN coalesce(o.ended_at, $8::timestamptz) END"
        " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::boolean[])"
        " AS u(id, quantity, amount, status, held, reason, final) WHERE o.id = u.id",
        *columns,
        [fill.status.value for fill in fills],
        [0 if fill.status.is_final else fill.held for fill in fills],
        [fill.reason for fill in fills],
        [fill.status.is_final for fill in fills],
        batch.recorded_at,
    )


async def _expect_proceeds(batch: Batch, sells: Fills) -> None:
    """What a sell brought settles with its deal; what is taken back of it is due no more."""
    brought = [(made, fill) for made, fill in sells if fill.last_amount > 0]
    await batch.connection.executemany(
        "INSERT INTO cash_settlement VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (order_id, due_on) DO UPDATE SET"
        " amount = cash_settlement.amount + EXCLUDED.amount",
        [
            (
                fill.order.id,
                batch.journal.tenant_id,
                batch.journal.id,
                fill.order.book_id,
                to_decimal(fill.last_amount),
                made.settles_on,
            )
            for made, fill in brought
        ],
    )
    await batch.connection.executemany(
        _DUE_NO_MORE, [(fill.order.id, to_decimal(-fill.last_amount)) for _, fill in sells if fill.last_amount < 0]
    )


#: What is due last goes first; ``later`` is what is due after a row.
_DUE_NO_MORE = """
UPDATE cash_settlement c SET amount = c.amount - least(c.amount, greatest(0, $2 - d.later)) FROM (
  SELECT order_id, due_on, sum(amount) OVER (ORDER BY due_on DESC) - amount AS later
  FROM cash_settlement WHERE order_id = $1 AND settled_at IS NULL) d
WHERE c.order_id = d.order_id AND c.due_on = d.due_on
"""
