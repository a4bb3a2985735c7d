"""Batched reads of orders, market orders and what belongs to them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import among_keys
from app.kernel.paging import Page, PageOf, page_from
from app.market.types import Side
from app.orders.rows import market_order_from, order_from, venue_order_from
from app.orders.tables import allocation, customer_order, execution, lot, market_order, venue_order
from app.orders.types import MarketOrder, Order, OrderStatus, OrderType, VenueOrderState

_ORDERS = select(customer_order).where(among_keys(customer_order.c.id))
_MARKET_ORDERS = select(market_order).where(among_keys(market_order.c.id))


async def orders_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders by id; unknown ids are absent."""
    rows = await connection.execute(_ORDERS, {"keys": ids})
    return {found.id: found for found in map(order_from, rows.mappings())}


async def orders_of(
    connection: AsyncConnection, accounts: Sequence[UUID], asked: PageOf[UUID]
) -> dict[UUID, Page[Order]]:
    """The same page of each account's orders, newest first, keyed by id (ids sort by time)."""
    wanted = func.unnest(literal(list(accounts), ARRAY(Uuid))).table_valued("id").render_derived(name="wanted")
    query = select(customer_order).where(customer_order.c.account_id == wanted.c.id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(customer_order.c.id < asked.after)
    if asked.before is not None:
        query = query.where(customer_order.c.id > asked.before)
    page = query.order_by(customer_order.c.id.asc() if asked.backward else customer_order.c.id.desc()).lateral("page")
    found: dict[UUID, list[Order]] = {account: [] for account in accounts}
    for row in (await connection.execute(select(page).select_from(wanted.join(page, true())))).mappings():
        order = order_from(row)
        found[order.account_id].append(order)
    return {account: page_from(orders, asked) for account, orders in found.items()}


async def holds_of(connection: AsyncConnection, account_id: UUID, instrument_id: int | None, limit: int) -> list[Order]:
    """An account's open orders that hold something: shares of the instrument, or dollars if none is named. The oldest
    first, so many of them."""
    query = select(customer_order).where(
        customer_order.c.account_id == account_id, customer_order.c.ended_at.is_(None), customer_order.c.held > 0
    )
    if instrument_id is None:
        query = query.where(customer_order.c.side == Side.BUY)
    else:
        query = query.where(customer_order.c.side == Side.SELL, customer_order.c.instrument_id == instrument_id)
    rows = await connection.execute(query.order_by(customer_order.c.id).limit(limit))
    return [order_from(row) for row in rows.mappings()]


async def market_orders_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, MarketOrder]:
    """Market orders by id; unknown ids are absent."""
    rows = await connection.execute(_MARKET_ORDERS, {"keys": ids})
    return {found.id: found for found in map(market_order_from, rows.mappings())}


#: A venue that owes an answer for so long (wall time) has left its order stuck.
STUCK_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to look for; what is None is not asked for. ``stuck_at`` is the time by which to be stuck."""

    account_id: UUID | None = None
    instrument_id: int | None = None
    statuses: Sequence[OrderStatus] | None = None
    side: Side | None = None
    type: OrderType | None = None
    market_order_id: UUID | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    stuck_at: datetime | None = None


async def orders_found(
    connection: AsyncConnection, journal_id: int, wanted: OrderFilter, asked: PageOf[UUID]
) -> Page[Order]:
    """A journal's orders, newest first, keyed by id; only those that are wanted."""
    o = customer_order.c
    conditions = [
        o.journal_id == journal_id,
        None if wanted.account_id is None else o.account_id == wanted.account_id,
        None if wanted.instrument_id is None else o.instrument_id == wanted.instrument_id,
        None if wanted.statuses is None else o.status.in_([status.value for status in wanted.statuses]),
        None if wanted.side is None else o.side == wanted.side.value,
        None if wanted.type is None else o.type == wanted.type.value,
        None if wanted.market_order_id is None else o.market_order_id == wanted.market_order_id,
        None if wanted.placed_from is None else o.placed_at >= wanted.placed_from,
        None if wanted.placed_before is None else o.placed_at < wanted.placed_before,
        None if wanted.stuck_at is None else o.ended_at.is_(None) & o.market_order_id.in_(_stuck(wanted.stuck_at)),
    ]
    query = _page(select(customer_order).where(*(each for each in conditions if each is not None)), o.id, asked)
    return page_from([order_from(row) for row in (await connection.execute(query)).mappings()], asked)


async def market_orders(
    connection: AsyncConnection, journal_id: int, asked: PageOf[UUID], stuck_at: datetime | None = None
) -> Page[MarketOrder]:
    """A journal's market orders, newest first, keyed by id; with ``stuck_at`` those that are stuck by then."""
    query = select(market_order).where(market_order.c.journal_id == journal_id)
    if stuck_at is not None:
        query = query.where(market_order.c.id.in_(_stuck(stuck_at)))
    rows = await connection.execute(_page(query, market_order.c.id, asked))
    return page_from([market_order_from(row) for row in rows.mappings()], asked)


def _stuck(at: datetime) -> Select[tuple[UUID]]:
    """Market orders whose venue owes an answer, or has told of an end without telling of every execution."""
    m, v = market_order.c, venue_order.c
    silent = func.greatest(v.heard_at, v.sent_at, m.created_at) < at - STUCK_AFTER
    waits = v.status.in_(["PENDING_NEW", "PENDING_REPLACE", "PENDING_CANCEL", "CANCELED", "EXPIRED", "REJECTED"])
    joined = market_order.join(venue_order, v.market_order_id == m.id)
    return select(m.id).select_from(joined).where(m.ended_at.is_(None), silent, waits)


def _page(query: Select[Any], key: ColumnElement[UUID], asked: PageOf[UUID]) -> Select[Any]:
    """The page asked for, newest first."""
    if asked.after is not None:
        query = query.where(key < asked.after)
    if asked.before is not None:
        query = query.where(key > asked.before)
    return query.order_by(key.asc() if asked.backward else key.desc()).limit(asked.limit + 1)


async def venue_orders_of(connection: AsyncConnection, market_orders: Sequence[UUID]) -> dict[UUID, VenueOrderState]:
    """How each market order stands with its venue."""
    rows = await connection.execute(select(venue_order).where(venue_order.c.market_order_id.in_(market_orders)))
    return {row["market_order_id"]: venue_order_from(row) for row in rows.mappings()}


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as the venue reported it. Units of 1e-8."""

    id: UUID
    market_order_id: UUID
    venue: str
    trade_date: date
    venue_execution_id: str
    quantity: int
    price: int
    executed_at: datetime
    settles_on: date
    kind: str
    standing: bool


async def executions_of(connection: AsyncConnection, market_orders: Sequence[UUID]) -> dict[UUID, list[Execution]]:
    """The executions of each market order, in the order in which they were reported."""
    columns = [execution.c[each.name] for each in fields(Execution)]
    rows = await connection.execute(
        select(*columns).where(execution.c.market_order_id.in_(market_orders)).order_by(execution.c.id)
    )
    found: dict[UUID, list[Execution]] = {id_: [] for id_ in market_orders}
    for row in rows:
        found[row.market_order_id].append(Execution(*row))
    return found


@dataclass(frozen=True, slots=True)
class Allocation:
    """One order's line of an allocation statement, and what it has been given. Units of 1e-8."""

    market_order_id: UUID
    order_id: UUID
    quantity: int
    filled_quantity: int
    filled_amount: int


async def allocations_of(
    connection: AsyncConnection, market_orders: Sequence[UUID], asked: PageOf[UUID]
) -> dict[UUID, Page[Allocation]]:
    """The same page of each market order's allocation statement, keyed by the order's id."""
    wanted = func.unnest(literal(list(market_orders), ARRAY(Uuid))).table_valued("id").render_derived(name="wanted")
    a = allocation.c
    query = select(*(a[each.name] for each in fields(Allocation))).where(a.market_order_id == wanted.c.id)
    if asked.after is not None:
        query = query.where(a.order_id > asked.after)
    if asked.before is not None:
        query = query.where(a.order_id < asked.before)
    query = query.order_by(a.order_id.desc() if asked.backward else a.order_id.asc()).limit(asked.limit + 1)
    page = query.lateral("page")
    found: dict[UUID, list[Allocation]] = {id_: [] for id_ in market_orders}
    for row in await connection.execute(select(page).select_from(wanted.join(page, true()))):
        found[row.market_order_id].append(Allocation(*row))
    return {id_: page_from(lines, asked) for id_, lines in found.items()}


async def allocations_by_order(connection: AsyncConnection, orders: Sequence[UUID]) -> dict[UUID, Allocation]:
    """Each order's line of the statement of the market order that it is part of; absent while it gathers."""
    query = select(*(allocation.c[each.name] for each in fields(Allocation))).where(allocation.c.order_id.in_(orders))
    return {row.order_id: Allocation(*row) for row in await connection.execute(query)}


async def cost_by_position(connection: AsyncConnection, books: Sequence[int]) -> dict[tuple[int, int], int]:
    """What the open lots of each book and instrument cost."""

    rows = await connection.execute(
        select(lot.c.book_id, lot.c.instrument_id, func.sum(lot.c.remaining_cost, type_=lot.c.remaining_cost.type))
        .where(lot.c.book_id.in_(books), lot.c.remaining > 0)
        .group_by(lot.c.book_id, lot.c.instrument_id)
    )
    return {(book, instrument): cost for book, instrument, cost in rows}
