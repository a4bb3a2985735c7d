"""Writes accepted orders."""

from collections.abc import Sequence

from app.kernel.money import to_decimal
from app.ledger.commit import Batch
from app.market.market import NEW_YORK
from app.orders.types import Order


async def record_orders(batch: Batch, orders: Sequence[Order]) -> None:
    """Insert the orders."""
    await batch.connection.executemany(
        _INSERT,
        [
            (
                order.id,
                batch.journal.tenant_id,
                order.journal_id,
                order.account_id,
                order.book_id,
                order.instrument_id,
                order.side.value,
                _maybe(order.amount),
                _maybe(order.quantity),
                order.sell_all,
                order.status.value,
                to_decimal(order.reference_price),
                to_decimal(order.held),
                to_decimal(order.funding.settled),
                to_decimal(order.funding.unsettled),
                to_decimal(order.funding.instant),
                order.funding_due_on,
                batch.effective_at.astimezone(NEW_YORK).date(),
                order.terms.type.value,
                _maybe(order.terms.limit_price),
                order.terms.time_in_force.value,
                order.terms.expires_at,
                order.replaces,
                order.placed_at,
            )
            for order in orders
        ],
    )


def _maybe(units: int | None) -> object:
    return None if units is None else to_decimal(units)


_INSERT = """
INSERT INTO customer_order (id, tenant_id, journal_id, account_id, book_id, instrument_id, side, amount, quantity,
  sell_all, status, reference_price, held, funded_settled, funded_unsettled, funded_instant, funding_due_on, placed_on,
  type, limit_price, time_in_force, expires_at, replaces, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
"""
