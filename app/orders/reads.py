"""Batched reads of orders, market orders and what belongs to them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Uuid, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.paging import Page, PageOf, page_from
from app.orders.rows import market_order_from, order_from
from app.orders.tables import allocation, customer_order, execution, lot, market_order
from app.orders.types import MarketOrder, Order


async def orders_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders by id; unknown ids are absent."""
    rows = await connection.execute(select(customer_order).where(customer_order.c.id.in_(ids)))
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


async def market_orders_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, MarketOrder]:
    """Market orders by id; unknown ids are absent."""
    rows = await connection.execute(select(market_order).where(market_order.c.id.in_(ids)))
    return {found.id: found for found in map(market_order_from, rows.mappings())}


async def market_orders(connection: AsyncConnection, journal_id: int, asked: PageOf[UUID]) -> Page[MarketOrder]:
    """A journal's market orders, newest first, keyed by id."""
    query = select(market_order).where(market_order.c.journal_id == journal_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(market_order.c.id < asked.after)
    if asked.before is not None:
        query = query.where(market_order.c.id > asked.before)
    query = query.order_by(market_order.c.id.asc() if asked.backward else market_order.c.id.desc())
    return page_from([market_order_from(row) for row in (await connection.execute(query)).mappings()], asked)


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


async def allocations_of(connection: AsyncConnection, market_orders: Sequence[UUID]) -> dict[UUID, list[Allocation]]:
    """The allocation statement of each market order."""
    columns = [allocation.c[each.name] for each in fields(Allocation)]
    rows = await connection.execute(
        select(*columns).where(allocation.c.market_order_id.in_(market_orders)).order_by(allocation.c.order_id)
    )
    found: dict[UUID, list[Allocation]] = {id_: [] for id_ in market_orders}
    for row in rows:
        found[row.market_order_id].append(Allocation(*row))
    return found


async def cost_by_position(connection: AsyncConnection, books: Sequence[int]) -> dict[tuple[int, int], int]:
    """What the open lots of each book and instrument cost."""

    rows = await connection.execute(
        select(lot.c.book_id, lot.c.instrument_id, func.sum(lot.c.remaining_cost, type_=lot.c.remaining_cost.type))
        .where(lot.c.book_id.in_(books), lot.c.remaining > 0)
        .group_by(lot.c.book_id, lot.c.instrument_id)
    )
    return {(book, instrument): cost for book, instrument, cost in rows}
