"""Writes where market orders and venue orders stand, and what is due from and to the street."""

from collections.abc import Sequence
from typing import Protocol

from app.kernel.ids import new_id
from app.kernel.money import to_decimal, whole_cents
from app.ledger.batch import Batch
from app.market.types import Side
from app.orders.types import MarketOrder, MarketOrderStatus, VenueOrderState


class Due(Protocol):
    """What the street and the banks owe each other for a part of a market order. Units; negative if taken back."""

    @property
    def market_order(self) -> MarketOrder: ...
    @property
    def quantity(self) -> int: ...
    @property
    def customers(self) -> int: ...
    @property
    def house(self) -> int: ...


async def record_market_orders(batch: Batch, market_orders: Sequence[MarketOrder]) -> None:
    """Record where each market order stands."""
    await batch.connection.executemany(
        "UPDATE market_order SET status = $2, quantity = $3, filled_quantity = $4, filled_amount = $5,"
        " allocated_quantity = $6, allocated_amount = $7, customers_quantity = $8, customers_amount = $9,"
        " house_quantity = $10, house_amount = $11, trade_date = $12, settles_on = $13, reason = $14, ended_at = $15,"
        " departed_quantity = $16, departed_amount = $17"
        " WHERE id = $1",
        [
            (
                each.id,
                _status(each).value,
                to_decimal(each.quantity),
                to_decimal(each.filled_quantity),
                to_decimal(each.filled_amount),
                to_decimal(each.allocated_quantity),
                to_decimal(each.allocated_amount),
                to_decimal(each.customers_quantity),
                to_decimal(each.customers_amount),
                to_decimal(each.house_quantity),
                to_decimal(each.house_amount),
                each.trade_date,
                each.settles_on,
                each.reason,
                each.ended_at,
                to_decimal(each.departed.quantity),
                to_decimal(each.departed.amount),
            )
            for each in market_orders
        ],
    )


def _status(made: MarketOrder) -> MarketOrderStatus:
    if made.ended_at is None and made.filled_quantity:
        return MarketOrderStatus.PARTIALLY_FILLED
    return made.status


async def record_venue_orders(batch: Batch, states: Sequence[VenueOrderState]) -> None:
    """Record what the venues said."""
    await batch.connection.executemany(
        "UPDATE venue_order SET status = $2, number = $3, accepted = $4, asked_quantity = $5, told_quantity = $6,"
        " reason = $7, heard_at = $8, quantity = $9 WHERE market_order_id = $1",
        [
            (
                each.market_order_id,
                each.status.value,
                each.number,
                each.accepted,
                None if each.asked_quantity is None else to_decimal(each.asked_quantity),
                None if each.told_quantity is None else to_decimal(each.told_quantity),
                each.reason,
                each.heard_at,
                None if each.quantity is None else to_decimal(each.quantity),
            )
            for each in states
        ],
    )


async def expect_settlement(batch: Batch, dues: Sequence[Due]) -> None:
    """What is due on the settlement date. Banks move whole cents: parts stay due. What is taken back goes back."""
    rows = []
    for due in dues:
        if not (due.quantity or due.customers or due.house):
            continue
        made, back = due.market_order, due.quantity < 0
        sign = -1 if back else 1
        side = made.side if not back else Side.SELL if made.side is Side.BUY else Side.BUY
        rows.append(
            (
                new_id(),
                made.id,
                batch.journal.tenant_id,
                made.journal_id,
                made.instrument_id,
                side.value,
                to_decimal(sign * due.quantity),
                to_decimal(sign * due.customers),
                to_decimal(sign * whole_cents(due.house)),
                made.settles_on,
            )
        )
    await batch.connection.executemany(
        "INSERT INTO trade_settlement VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", rows
    )
