"""A window closes: its orders become one market order, and the allocation statement is stored before anything is sent.

The journal's lock is held while this runs, so however many processes think that a window is due, one takes its orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import ratio, to_decimal, to_text, to_units
from app.ledger.books import open_books
from app.ledger.chart import BookKind, Kind, address
from app.ledger.commit import Batch
from app.ledger.postings import house_supplies
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.deal import Deal, size_deal
from app.orders.progress import ENGINE, event_of
from app.orders.rows import order_from
from app.orders.types import MarketOrder, MarketOrderStatus, Order

#: One market order takes this many orders at most; more wait for the next, so that no allocation holds the lock long.
MAX_PARTICIPANTS = 1_000


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """Orders of an instrument and side are due if the first of them was placed by ``opened_by``.

    ``price`` is the quote that turns dollars into stated shares; ``claimed_by`` is the process that will send.
    """

    instrument_id: int
    side: Side
    opened_by: datetime
    price: int
    whole_shares: bool
    trade_date: date
    settles_on: date
    claimed_by: UUID


@dataclass(frozen=True, slots=True)
class _Statement:
    market_order: MarketOrder
    shares: list[tuple[Order, int]]


@dataclass(frozen=True, slots=True)
class Closed:
    """The market order that a window became, if it was due; and since when orders still wait, if any do."""

    market_order: MarketOrder | None
    open_since: datetime | None


async def close_windows(batch: Batch, commands: Sequence[CloseWindow]) -> list[Closed]:
    """Make the market order of each window that is due."""
    waiting = [await _waiting(batch, command) for command in commands]
    inventory = await _inventory(batch, commands)
    due = [(command, orders) for command, (orders, _) in zip(commands, waiting, strict=True) if orders]
    ids = [new_id() for _ in due]
    books = await open_books(batch.connection, batch.journal.id, BookKind.MARKET_ORDER, ids) if due else []
    statements: list[_Statement] = []
    for id_, book, (command, orders) in zip(ids, books, due, strict=True):
        statements.append(_statement(batch, id_, book, command, orders, inventory))
    await _record(batch, statements, [command.claimed_by for command, _ in due])
    made = iter(statements)
    return [Closed(next(made).market_order if orders else None, open_since) for orders, open_since in waiting]


async def _waiting(batch: Batch, command: CloseWindow) -> tuple[list[Order], datetime | None]:
    """The orders that are due, and since when others wait. One that another process took has left younger ones."""
    rows = await batch.connection.fetch(
        "SELECT * FROM customer_order WHERE journal_id = $1 AND instrument_id = $2 AND side = $3"
        " AND status = 'ACCEPTED' ORDER BY placed_at, id LIMIT $4",
        batch.journal.id,
        command.instrument_id,
        command.side.value,
        MAX_PARTICIPANTS + 1,
    )
    orders = [order_from(row) for row in rows]
    if not orders or orders[0].placed_at > command.opened_by:
        return [], orders[0].placed_at if orders else None
    rest = orders[MAX_PARTICIPANTS:]
    return orders[:MAX_PARTICIPANTS], rest[0].placed_at if rest else None


async def _inventory(batch: Batch, commands: Sequence[CloseWindow]) -> dict[int, int]:
    rows = await batch.connection.fetch(
        "SELECT asset_id, balance FROM ledger.account WHERE id = ANY ($1)",
        [address(batch.journal.house, command.instrument_id, Kind.INVENTORY) for command in commands],
    )
    return {row["asset_id"]: to_units(row["balance"]) for row in rows}


def _statement(
    batch: Batch, id_: UUID, book: int, command: CloseWindow, orders: list[Order], inventory: dict[int, int]
) -> _Statement:
    shares = [(order, _stated_shares(order, command.price)) for order in orders]
    by_quantity = sum(units for order, units in shares if order.amount is None)
    by_amount = sum(units for order, units in shares if order.amount is not None)
    stock = inventory.get(command.instrument_id, 0)
    deal = size_deal(command.side, by_quantity, by_amount, stock, whole_shares=command.whole_shares)
    inventory[command.instrument_id] = stock - deal.supplied
    return _Statement(_market_order(batch, id_, book, command, by_quantity + by_amount, deal), shares)


def _stated_shares(order: Order, price: int) -> int:
    if order.quantity is not None:
        return order.quantity
    assert order.amount is not None
    shares = max(1, ratio(order.amount, price))
    return min(shares, order.held) if order.side is Side.SELL else shares


def _market_order(batch: Batch, id_: UUID, book: int, command: CloseWindow, requested: int, deal: Deal) -> MarketOrder:
    return MarketOrder(
        id=id_,
        journal_id=batch.journal.id,
        book_id=book,
        instrument_id=command.instrument_id,
        side=command.side,
        status=MarketOrderStatus.CREATED,
        capacity=deal.capacity,
        requested=requested,
        quantity=deal.quantity,
        supplied=deal.supplied,
        reference_price=command.price,
        filled_quantity=0,
        filled_amount=0,
        trade_date=command.trade_date,
        settles_on=command.settles_on,
        reason=None,
        created_at=batch.recorded_at,
        ended_at=None,
    )


async def _record(batch: Batch, statements: Sequence[_Statement], claimants: Sequence[UUID]) -> None:
    entries: list[Entry] = []
    for statement in statements:
        entries.append(_created(batch, statement))
        entries += [_routed(batch, order, statement.market_order) for order, _ in statement.shares]
    await batch.post_facts(entries)
    await batch.connection.executemany(
        _INSERT_MARKET_ORDER,
        [_row(batch, each.market_order, claimant) for each, claimant in zip(statements, claimants, strict=True)],
    )
    shares = [
        (each.market_order.id, order.id, to_decimal(units)) for each in statements for order, units in each.shares
    ]
    await batch.connection.execute(
        "INSERT INTO allocation (market_order_id, order_id, tenant_id, quantity) SELECT market_order, id, $1, quantity"
        " FROM unnest($2::uuid[], $3::uuid[], $4::numeric[]) AS u(market_order, id, quantity)",
        batch.journal.tenant_id,
        *(list(column) for column in zip(*shares, strict=True)) if shares else ([], [], []),
    )
    await batch.connection.execute(
        "UPDATE customer_order o SET status = 'NEW', market_order_id = u.market_order"
        " FROM unnest($1::uuid[], $2::uuid[]) AS u(market_order, id) WHERE o.id = u.id",
        [market_order for market_order, _, _ in shares],
        [order for _, order, _ in shares],
    )


def _created(batch: Batch, statement: _Statement) -> Entry:
    made = statement.market_order
    data = {
        "market_order": str(made.id),
        "instrument": made.instrument_id,
        "side": made.side,
        "orders": len(statement.shares),
        "requested": to_text(made.requested),
        "quantity": to_text(made.quantity),
        "supplied": to_text(made.supplied),
        "capacity": made.capacity,
    }
    event = NewEvent(
        made.book_id,
        EventType.MARKET_ORDER_CREATED,
        ENGINE,
        batch.effective_at,
        correlation=made.id,
        data=data,
    )
    return Entry(
        event,
        house_supplies(batch.journal, made.book_id, made.instrument_id, made.supplied) if made.supplied else [],
    )


def _routed(batch: Batch, order: Order, made: MarketOrder) -> Entry:
    data = event_of(order, market_order=str(made.id))
    event = NewEvent(
        order.book_id,
        EventType.ORDER_NEW,
        ENGINE,
        batch.effective_at,
        cause=made.id,
        correlation=order.id,
        data=data,
    )
    return Entry(event)


def _row(batch: Batch, made: MarketOrder, claimed_by: UUID) -> tuple[Any, ...]:
    return (
        made.id,
        batch.journal.tenant_id,
        made.journal_id,
        made.book_id,
        made.instrument_id,
        made.side.value,
        made.status.value,
        made.capacity.value,
        to_decimal(made.requested),
        to_decimal(made.quantity),
        to_decimal(made.supplied),
        to_decimal(made.reference_price),
        made.trade_date,
        made.settles_on,
        made.created_at,
        claimed_by,
    )


_INSERT_MARKET_ORDER = """
INSERT INTO market_order (id, tenant_id, journal_id, book_id, instrument_id, side, status, capacity,
  requested_quantity, quantity, supplied, reference_price, trade_date, settles_on, created_at, claimed_by, claimed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $15)
"""
