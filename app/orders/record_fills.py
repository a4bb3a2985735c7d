"""Writes what fills change: allocations, orders, lots, proceeds to be settled, and the market order itself."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.kernel.money import to_decimal, to_units
from app.ledger.commit import Batch
from app.market.types import Side
from app.orders.fill import OrderFill, Progress
from app.orders.lots import Lot, LotSale, first_in_first_out
from app.orders.types import MarketOrder, MarketOrderStatus

Fills = Sequence[tuple[MarketOrder, OrderFill]]


async def record_fills(batch: Batch, fills: Fills) -> None:
    """Record the customers' side of it."""
    if not fills:
        return
    await _update_orders(batch, [fill for _, fill in fills])
    moved = [(made, fill) for made, fill in fills if fill.last_quantity or fill.last_amount]
    buys = [(made, fill) for made, fill in moved if made.side is Side.BUY]
    sells = [(made, fill) for made, fill in moved if made.side is Side.SELL]
    if buys:
        await _open_lots(batch, buys)
    if sells:
        await _close_lots(batch, sells)
        await _expect_proceeds(batch, sells)


async def record_market_order(batch: Batch, changed: Sequence[Progress]) -> None:
    """Record where each market order stands."""
    await batch.connection.executemany(
        "UPDATE market_order SET status = $2, filled_quantity = $3, filled_amount = $4, reason = $5,"
        " ended_at = CASE WHEN $6 THEN $7::timestamptz END WHERE id = $1",
        [
            (
                each.market_order.id,
                (each.ending or MarketOrderStatus.PARTIALLY_FILLED).value,
                to_decimal(each.fill.quantity),
                to_decimal(each.fill.amount),
                each.reason,
                each.ending is not None,
                batch.recorded_at,
            )
            for each in changed
        ],
    )


async def _update_orders(batch: Batch, fills: Sequence[OrderFill]) -> None:
    columns = (
        [fill.order.id for fill in fills],
        [to_decimal(fill.order.filled_quantity + fill.last_quantity) for fill in fills],
        [to_decimal(fill.order.filled_amount + fill.last_amount) for fill in fills],
    )
    await batch.connection.execute(
        "UPDATE allocation a SET filled_quantity = u.quantity, filled_amount = u.amount"
        " FROM unnest($1::uuid[], $2::numeric[], $3::numeric[]) AS u(id, quantity, amount) WHERE a.order_id = u.id",
        *columns,
    )
    await batch.connection.execute(
        "UPDATE customer_order o SET filled_quantity = u.quantity, filled_amount = u.amount, status = u.status,"
        " held = u.held, reason = u.reason, ended_at = CASE WHEN u.final THEN $8::timestamptz END"
        " FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::text[], $5::numeric[], $6::text[], $7::boolean[])"
        " AS u(id, quantity, amount, status, held, reason, final) WHERE o.id = u.id",
        *columns,
        [fill.status.value for fill in fills],
        [to_decimal(0 if fill.status.is_final else fill.held) for fill in fills],
        [fill.reason for fill in fills],
        [fill.status.is_final for fill in fills],
        batch.recorded_at,
    )


async def _open_lots(batch: Batch, buys: Fills) -> None:
    await batch.connection.execute(
        "INSERT INTO lot SELECT id, $1, book, instrument, opened_on, quantity, cost, quantity, cost"
        " FROM unnest($2::uuid[], $3::bigint[], $4::int[], $5::date[], $6::numeric[], $7::numeric[])"
        " AS u(id, book, instrument, opened_on, quantity, cost)"
        " ON CONFLICT (order_id) DO UPDATE SET"
        " quantity = lot.quantity + EXCLUDED.quantity, remaining = lot.remaining + EXCLUDED.remaining,"
        " cost = lot.cost + EXCLUDED.cost, remaining_cost = lot.remaining_cost + EXCLUDED.remaining_cost",
        batch.journal.tenant_id,
        [fill.order.id for _, fill in buys],
        [fill.order.book_id for _, fill in buys],
        [made.instrument_id for made, _ in buys],
        [made.trade_date for made, _ in buys],
        [to_decimal(fill.last_quantity) for _, fill in buys],
        [to_decimal(fill.last_amount) for _, fill in buys],
    )


async def _close_lots(batch: Batch, sells: Fills) -> None:
    lots = await _open_lots_of(batch, sells)
    sales: list[tuple[MarketOrder, OrderFill, LotSale]] = []
    for made, fill in sells:
        held = lots[fill.order.book_id, made.instrument_id]
        closed = first_in_first_out(
            [lot for lot in held.values() if lot.remaining], fill.last_quantity, fill.last_amount
        )
        for sale in closed:
            lot = held[sale.lot_id]
            held[lot.id] = replace(
                lot, remaining=lot.remaining - sale.quantity, remaining_cost=lot.remaining_cost - sale.cost
            )
        sales += [(made, fill, sale) for sale in closed]
    await batch.connection.executemany(
        "INSERT INTO lot_sale VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id, lot_id) DO UPDATE SET"
        " quantity = lot_sale.quantity + EXCLUDED.quantity, cost = lot_sale.cost + EXCLUDED.cost,"
        " proceeds = lot_sale.proceeds + EXCLUDED.proceeds",
        [
            (
                fill.order.id,
                sale.lot_id,
                batch.journal.tenant_id,
                made.trade_date,
                to_decimal(sale.quantity),
                to_decimal(sale.cost),
                to_decimal(sale.proceeds),
            )
            for made, fill, sale in sales
        ],
    )
    # A fill too small for a unit may still bring a cent: it belongs to what was sold before.
    cents = [(fill.order.id, to_decimal(fill.last_amount)) for _, fill in sells if not fill.last_quantity]
    await batch.connection.executemany(
        "UPDATE lot_sale SET proceeds = proceeds + $2 WHERE order_id = $1"
        " AND lot_id = (SELECT max(lot_id::text)::uuid FROM lot_sale WHERE order_id = $1)",
        cents,
    )
    await batch.connection.executemany(
        "UPDATE lot SET remaining = remaining - $2, remaining_cost = remaining_cost - $3 WHERE order_id = $1",
        [(sale.lot_id, to_decimal(sale.quantity), to_decimal(sale.cost)) for _, _, sale in sales],
    )


async def _open_lots_of(batch: Batch, sells: Fills) -> dict[tuple[int, int], dict[UUID, Lot]]:
    """Open lots by book and instrument, oldest first."""
    rows = await batch.connection.fetch(
        "SELECT l.book_id, l.instrument_id, l.order_id, l.opened_on, l.remaining, l.remaining_cost FROM lot l"
        " JOIN (SELECT DISTINCT * FROM unnest($1::bigint[], $2::int[])) AS u(book, instrument)"
        " ON l.book_id = u.book AND l.instrument_id = u.instrument"
        " WHERE l.remaining > 0 ORDER BY l.opened_on, l.order_id",
        [fill.order.book_id for _, fill in sells],
        [made.instrument_id for made, _ in sells],
    )
    lots: dict[tuple[int, int], dict[UUID, Lot]] = defaultdict(dict)
    for book, instrument, id_, opened_on, remaining, cost in rows:
        lots[book, instrument][id_] = Lot(id_, opened_on, to_units(remaining), to_units(cost))
    return lots


async def _expect_proceeds(batch: Batch, sells: Fills) -> None:
    await batch.connection.executemany(
        "INSERT INTO cash_settlement VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (order_id) DO UPDATE SET"
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
            for made, fill in sells
        ],
    )
