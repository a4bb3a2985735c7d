"""Writes market orders, the lines of their statements, and what is dealt once the statement is complete."""

from collections.abc import Sequence

from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.orders.types import MarketOrder, MarketOrderStatus, Order


async def record_gathered(batch: Batch, gathered: Sequence[tuple[MarketOrder, str]]) -> None:
    """Write each market order as its statement stands by now, and the order that its venue will get."""
    await batch.connection.executemany(
        "INSERT INTO market_order (id, tenant_id, journal_id, book_id, instrument_id, side, status, capacity,"
        "   participants, requested_quantity, quantity, supplied, reference_price, trade_date, settles_on, created_at,"
        "   type, limit_price, time_in_force, expires_at, scale, rounding)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"
        " ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, capacity = EXCLUDED.capacity,"
        "   participants = EXCLUDED.participants, requested_quantity = EXCLUDED.requested_quantity,"
        "   quantity = EXCLUDED.quantity, supplied = EXCLUDED.supplied, reference_price = EXCLUDED.reference_price",
        [_row(batch, made) for made, _ in gathered],
    )
    await batch.connection.executemany(
        "INSERT INTO venue_order (market_order_id, tenant_id, venue, status, sent_at)"
        " VALUES ($1, $2, $3, 'PENDING_NEW', $4)"
        " ON CONFLICT (market_order_id) DO UPDATE SET venue = EXCLUDED.venue, sent_at = EXCLUDED.sent_at",
        [
            (
                made.id,
                batch.journal.tenant_id,
                venue,
                batch.recorded_at if made.status is MarketOrderStatus.SENT else None,
            )
            for made, venue in gathered
        ],
    )


def _row(batch: Batch, made: MarketOrder) -> tuple[object, ...]:
    return (
        made.id,
        batch.journal.tenant_id,
        made.journal_id,
        made.book_id,
        made.instrument_id,
        made.side.value,
        made.status.value,
        made.capacity.value,
        made.participants,
        to_decimal(made.requested),
        to_decimal(made.quantity),
        to_decimal(made.supplied),
        to_decimal(made.reference_price),
        made.trade_date,
        made.settles_on,
        made.created_at,
        made.terms.type.value,
        None if made.terms.limit_price is None else to_decimal(made.terms.limit_price),
        made.terms.time_in_force.value,
        made.terms.expires_at,
        made.precision.scale,
        made.precision.rounding.value,
    )


async def record_lines(batch: Batch, lines: Sequence[tuple[MarketOrder, Order, int]]) -> None:
    """Insert lines of statements; their orders are routed now."""
    if not lines:
        return
    await batch.connection.execute(
        "INSERT INTO allocation (market_order_id, order_id, tenant_id, quantity)"
        " SELECT market_order, id, $1, units * 0.00000001"
        " FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS u(market_order, id, units)",
        batch.journal.tenant_id,
        [made.id for made, _, _ in lines],
        [order.id for _, order, _ in lines],
        [stated for _, _, stated in lines],
    )
    await batch.connection.execute(
        "UPDATE customer_order o SET status = 'NEW', market_order_id = u.market_order"
        " FROM unnest($1::uuid[], $2::uuid[]) AS u(market_order, id) WHERE o.id = u.id",
        [made.id for made, _, _ in lines],
        [order.id for _, order, _ in lines],
    )
