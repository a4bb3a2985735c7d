"""Writes lots: fills of buys open them, fills of sells close them, and what is taken back undoes that."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from app.kernel.ids import new_id
from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.ledger.receivables import owed_by_book
from app.ledger.types import Posted
from app.market.types import InstrumentKind, Side
from app.orders.fill import OrderFill
from app.orders.lots import Lot, LotSale, Payment, first_in_first_out
from app.orders.rows import units
from app.orders.take_back_lots import take_back_purchases, take_back_sales
from app.orders.types import MarketOrder
from app.risk.cash_account import SoldPart
from app.risk.violations import record_violations

Fills = Sequence[tuple[MarketOrder, OrderFill]]


async def record_lots(batch: Batch, fills: Sequence[tuple[MarketOrder, OrderFill, Posted | None]]) -> None:
    """Open and close lots for what the fills moved; ``Posted`` says what the ledger took for each."""
    moved = [(made, fill, posted) for made, fill, posted in fills if posted is not None]
    # What came new in the same commit may outweigh what was taken back of an order.
    forward = [each for each in moved if not each[1].taken_back or each[1].last_quantity > 0]
    buys = [(made, fill, posted) for made, fill, posted in forward if made.side is Side.BUY]
    sells = [(made, fill) for made, fill, _ in forward if made.side is Side.SELL]
    if buys:
        await _open(batch, buys)
    if sells:
        await _close(batch, sells)
    back = [(made, fill, posted) for made, fill, posted in moved if fill.taken_back and fill.last_quantity <= 0]
    if back:
        # The first leg of a purchase that is taken back says what the position still had to give; the rest is owed.
        await take_back_purchases(batch, [(fill, p.taken[0]) for made, fill, p in back if made.side is Side.BUY])
        await take_back_sales(batch, [fill for made, fill, _ in back if made.side is Side.SELL])


def unsettled_part(fill: OrderFill, taken: Sequence[int]) -> int:
    """How much of a purchase was paid with unsettled money: from the hold, and from what was taken beyond it."""
    order = fill.order
    before = order.funding.rest_after(order.funding.total - order.held)
    after = order.funding.rest_after(order.funding.total - fill.held)
    beyond = taken[3] if fill.last_amount > order.held - fill.held else 0  # legs as customer_buys makes them
    return before.unsettled - after.unsettled + beyond


def owed_part(fill: OrderFill, taken: Sequence[int]) -> int:
    """How much of a purchase nothing was there to pay with."""
    return taken[5] if fill.last_amount > fill.order.held - fill.held else 0


async def _open(batch: Batch, buys: Sequence[tuple[MarketOrder, OrderFill, Posted]]) -> None:
    await batch.connection.execute(
        "INSERT INTO lot (id, order_id, tenant_id, book_id, instrument_id, opened_on, quantity, cost, remaining,"
        "   remaining_cost, funded_unsettled, funding_due_on, funded_owed)"
        " SELECT id, order_id, $1, book, instrument, opened_on, quantity * 0.00000001, cost * 0.00000001,"
        "   quantity * 0.00000001, cost * 0.00000001, unsettled * 0.00000001, due_on, owed * 0.00000001"
        " FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::int[], $6::date[], $7::bigint[], $8::bigint[],"
        "   $9::bigint[], $10::date[], $11::bigint[])"
        " AS u(id, order_id, book, instrument, opened_on, quantity, cost, unsettled, due_on, owed)"
        " ON CONFLICT (order_id, opened_on, instrument_id) DO UPDATE SET"
        " quantity = lot.quantity + EXCLUDED.quantity, remaining = lot.remaining + EXCLUDED.remaining,"
        " cost = lot.cost + EXCLUDED.cost, remaining_cost = lot.remaining_cost + EXCLUDED.remaining_cost,"
        " funded_unsettled = lot.funded_unsettled + EXCLUDED.funded_unsettled,"
        " funded_owed = lot.funded_owed + EXCLUDED.funded_owed",
        batch.journal.tenant_id,
        [new_id() for _ in buys],
        [fill.order.id for _, fill, _ in buys],
        [fill.order.book_id for _, fill, _ in buys],
        [made.instrument_id for made, _, _ in buys],
        [made.trade_date for made, _, _ in buys],
        [fill.last_quantity for _, fill, _ in buys],
        [fill.last_amount for _, fill, _ in buys],
        [unsettled_part(fill, posted.taken) for _, fill, posted in buys],
        [fill.order.funding_due_on for _, fill, _ in buys],
        [owed_part(fill, posted.taken) for _, fill, posted in buys],
    )


async def _close(batch: Batch, sells: Fills) -> None:
    lots = await open_lots(batch, {(fill.order.book_id, made.instrument_id) for made, fill in sells})
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
        "INSERT INTO lot_sale VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id, lot_id, sold_on) DO UPDATE SET"
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
    await add_proceeds(batch, [(fill.order.id, fill.last_amount) for _, fill in sells if not fill.last_quantity])
    await batch.connection.executemany(
        "UPDATE lot SET remaining = remaining - $2, remaining_cost = remaining_cost - $3 WHERE id = $1",
        [(sale.lot_id, to_decimal(sale.quantity), to_decimal(sale.cost)) for _, _, sale in sales],
    )
    paid = {lot.id: lot.paid for held in lots.values() for lot in held.values() if lot.paid}
    unpaid = [(made, fill, paid[sale.lot_id]) for made, fill, sale in sales if sale.lot_id in paid]
    if unpaid:
        await _look_for_violations(batch, unpaid)


async def _look_for_violations(batch: Batch, sold: Sequence[tuple[MarketOrder, OrderFill, Payment]]) -> None:
    """Sales of what was bought with money that had not come in (Regulation T, 12 CFR 220.8)."""
    owing = await owed_by_book(batch.connection, [fill.order.book_id for _, fill, _ in sold])
    kinds = await batch.connection.fetch(
        "SELECT id, kind FROM instrument WHERE id = ANY ($1)", [made.instrument_id for made, _, _ in sold]
    )
    kind_of = {row["id"]: InstrumentKind(row["kind"]) for row in kinds}
    await record_violations(
        batch,
        [
            SoldPart(
                fill.order.account_id,
                fill.order.book_id,
                kind_of[made.instrument_id],
                fill.order.id,
                paid.bought_by,
                made.trade_date,
                paid.unsettled,
                paid.due_on,
                min(paid.owed, owing.get(fill.order.book_id, 0)),
            )
            for made, fill, paid in sold
        ],
    )


async def add_proceeds(batch: Batch, amounts: Sequence[tuple[UUID, int]]) -> None:
    """Let the newest sale of each order have brought so much more (or less)."""
    await batch.connection.executemany(
        "UPDATE lot_sale SET proceeds = proceeds + $2 WHERE order_id = $1 AND (lot_id, sold_on) ="
        " (SELECT lot_id, sold_on FROM lot_sale WHERE order_id = $1 ORDER BY sold_on DESC, lot_id DESC LIMIT 1)",
        [(id_, to_decimal(amount)) for id_, amount in amounts],
    )


async def open_lots(batch: Batch, positions: Iterable[tuple[int, int]]) -> dict[tuple[int, int], dict[UUID, Lot]]:
    """Open lots by book and instrument, oldest first."""
    wanted = list(positions)
    rows = await batch.connection.fetch(
        "SELECT l.book_id, l.instrument_id, l.id, l.opened_on, l.remaining, l.remaining_cost,"
        " l.order_id, l.funded_unsettled, l.funding_due_on, l.funded_owed FROM lot l"
        " JOIN unnest($1::bigint[], $2::int[]) AS u(book, instrument)"
        " ON l.book_id = u.book AND l.instrument_id = u.instrument"
        " WHERE l.remaining > 0 ORDER BY l.opened_on, l.order_id",
        [book for book, _ in wanted],
        [instrument for _, instrument in wanted],
    )
    lots: dict[tuple[int, int], dict[UUID, Lot]] = defaultdict(dict)
    for book, instrument, id_, opened_on, remaining, cost, bought_by, unsettled, due_on, owed in rows:
        paid = Payment(bought_by, units(unsettled), due_on, units(owed)) if unsettled or owed else None
        lots[book, instrument][id_] = Lot(id_, opened_on, units(remaining), units(cost), paid)
    return lots
