"""Undoes lots where deals were taken back or corrected. It happens rarely, so one order is undone at a time."""

from collections.abc import Sequence
from uuid import UUID

from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.orders.fill import OrderFill
from app.orders.lots import Lot, first_in_first_out
from app.orders.rows import units


async def take_back_purchases(batch: Batch, fills: Sequence[tuple[OrderFill, int]]) -> None:
    """Make each buy's lots smaller and cheaper (or dearer), by the shares that the position gave: the rest is owed.

    What was sold of them meanwhile comes out of the position's other lots, oldest first.
    """
    for fill, given in fills:
        lots = await _lots_of_order(batch, fill)
        left, cost_left = given, -fill.last_amount
        for lot in lots:
            gone = min(left, lot.remaining)
            cost = lot.remaining_cost * gone // lot.remaining if gone else 0
            await _reduce(batch, lot.id, gone, cost, of_purchase=True)
            left -= gone
            cost_left -= cost
        if lots:
            # The newest lot bears what the price made of it.
            await batch.connection.execute(
                "UPDATE lot SET cost = cost - $2, remaining_cost ="
                " CASE WHEN remaining > 0 THEN greatest(0, remaining_cost - $2) ELSE 0 END WHERE id = $1",
                lots[0].id,
                to_decimal(cost_left),
            )
        if left > 0:
            await _take_from_others(batch, fill, left)


async def take_back_sales(batch: Batch, fills: Sequence[OrderFill]) -> None:
    """Open again what each sell had closed, newest first."""
    for fill in fills:
        left, brought_less = -fill.last_quantity, -fill.last_amount
        rows = await batch.connection.fetch(
            "SELECT lot_id, sold_on, quantity, cost, proceeds FROM lot_sale WHERE order_id = $1"
            " ORDER BY sold_on DESC, lot_id DESC",
            fill.order.id,
        )
        standing: list[tuple[UUID, object]] = []
        for lot_id, sold_on, quantity, cost, proceeds in rows:
            sold = units(quantity)
            back = min(left, sold)
            cost_back, proceeds_back = units(cost) * back // sold, units(proceeds) * back // sold
            left -= back
            brought_less -= proceeds_back
            await batch.connection.execute(
                "UPDATE lot SET remaining = remaining + $2, remaining_cost = remaining_cost + $3 WHERE id = $1",
                lot_id,
                to_decimal(back),
                to_decimal(cost_back),
            )
            key = (fill.order.id, lot_id, sold_on)
            if back == sold:
                await batch.connection.execute(
                    "DELETE FROM lot_sale WHERE order_id = $1 AND lot_id = $2 AND sold_on = $3", *key
                )
                continue
            standing.append((lot_id, sold_on))
            await batch.connection.execute(
                "UPDATE lot_sale SET quantity = quantity - $4, cost = cost - $5, proceeds = proceeds - $6"
                " WHERE order_id = $1 AND lot_id = $2 AND sold_on = $3",
                *key,
                to_decimal(back),
                to_decimal(cost_back),
                to_decimal(proceeds_back),
            )
        if standing:
            await batch.connection.execute(
                "UPDATE lot_sale SET proceeds = proceeds - $4 WHERE order_id = $1 AND lot_id = $2 AND sold_on = $3",
                *(fill.order.id, *standing[0], to_decimal(brought_less)),
            )


async def shares_repaid(batch: Batch, book: int, instrument: int, quantity: int) -> None:
    """Shares that were owed have been handed over: they come out of the position's oldest lots."""
    await _close_oldest(batch, book, instrument, quantity)


async def _take_from_others(batch: Batch, fill: OrderFill, quantity: int) -> None:
    await _close_oldest(batch, fill.order.book_id, fill.order.instrument_id, quantity)


async def _close_oldest(batch: Batch, book: int, instrument: int, quantity: int) -> None:
    rows = await batch.connection.fetch(
        "SELECT id, opened_on, remaining, remaining_cost FROM lot"
        " WHERE book_id = $1 AND instrument_id = $2 AND remaining > 0 ORDER BY opened_on, order_id",
        book,
        instrument,
    )
    lots = [Lot(id_, day, units(remaining), units(cost)) for id_, day, remaining, cost in rows]
    there = min(quantity, sum(lot.remaining for lot in lots))
    for closed in first_in_first_out(lots, there, 0):
        await _reduce(batch, closed.lot_id, closed.quantity, closed.cost, of_purchase=False)


async def _lots_of_order(batch: Batch, fill: OrderFill) -> list[Lot]:
    """The order's lots, newest first."""
    rows = await batch.connection.fetch(
        "SELECT id, opened_on, remaining, remaining_cost FROM lot WHERE order_id = $1 AND instrument_id = $2"
        " ORDER BY opened_on DESC",
        fill.order.id,
        fill.order.instrument_id,
    )
    return [Lot(id_, day, units(remaining), units(cost)) for id_, day, remaining, cost in rows]


async def _reduce(batch: Batch, lot_id: UUID, quantity: int, cost: int, *, of_purchase: bool) -> None:
    await batch.connection.execute(
        "UPDATE lot SET remaining = remaining - $2, remaining_cost = remaining_cost - $3,"
        " quantity = quantity - CASE WHEN $4 THEN $2 ELSE 0 END, cost = cost - CASE WHEN $4 THEN $3 ELSE 0 END"
        " WHERE id = $1",
        lot_id,
        to_decimal(quantity),
        to_decimal(cost),
        of_purchase,
    )
