"""The desk: what an operator sees of the whole tenant."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.reads import CustodyProof, custody_proof, head_position, log_after
from app.ledger.writers import stream_of_journal
from app.market.types import Side
from app.orders.reads import OrderFilter, market_orders, orders_found
from app.orders.types import MarketOrder, Order, OrderStatus, OrderType
from resolvers.context import Context
from resolvers.market import by_symbol
from resolvers.order_events import LOOK_AGAIN, FollowError
from resolvers.paging import cursor_number
from resolvers.requests import parse_id

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """Which orders to look for, as the API takes it; what is None is not asked for."""

    account_id: str | None
    symbol: str | None
    statuses: Sequence[OrderStatus] | None
    side: Side | None
    type: OrderType | None
    market_order_id: str | None
    placed_from: datetime | None
    placed_before: datetime | None
    stuck: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """The caller's tenant, seen whole."""

    journal_id: int


async def desk(context: Context) -> Desk:
    """The desk, for operators."""
    require(context.principal, Action.VIEW_DESK)
    writer = await context.services.writers.of(context.principal.tenant_id)
    return Desk(writer.journal.id)


async def position(context: Context, desk: Desk) -> int:
    """How many events the journal holds."""
    async with context.read() as connection:
        return await head_position(connection, desk.journal_id)


async def custody(context: Context, desk: Desk) -> list[CustodyProof]:
    """Where every share is, by instrument."""
    async with context.read() as connection:
        return await custody_proof(connection, desk.journal_id)


async def market_orders_page(context: Context, desk: Desk, stuck: bool, asked: PageOf[UUID]) -> Page[MarketOrder]:
    """Market orders, or only those that are stuck, newest first."""
    at = context.services.clock.now() if stuck else None
    async with context.read() as connection:
        return await market_orders(connection, desk.journal_id, asked, at)


async def orders_page(context: Context, desk: Desk, wanted: OrderSearch, asked: PageOf[UUID]) -> Page[Order]:
    """The tenant's orders that are wanted, newest first. Raises a ``Refusal`` for an id that is none."""
    instrument = None if wanted.symbol is None else by_symbol(context, wanted.symbol)
    if wanted.symbol is not None and instrument is None:
        return Page([], has_next=False, has_previous=False)
    found = OrderFilter(
        account_id=None if wanted.account_id is None else parse_id(wanted.account_id, "Account", "accountId"),
        instrument_id=None if instrument is None else instrument.id,
        statuses=wanted.statuses,
        side=wanted.side,
        type=wanted.type,
        market_order_id=None
        if wanted.market_order_id is None
        else parse_id(wanted.market_order_id, "MarketOrder", "marketOrderId"),
        placed_from=wanted.placed_from,
        placed_before=wanted.placed_before,
        stuck_at=context.services.clock.now() if wanted.stuck else None,
    )
    async with context.read() as connection:
        return await orders_found(connection, desk.journal_id, found, asked)


async def find_market_order(context: Context, market_order_id: UUID) -> MarketOrder | None:
    """The market order, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.market_order.load(market_order_id)


async def events(context: Context, after: str | None) -> AsyncGenerator[Event, None]:
    """The tenant's whole log past the cursor, or from now on, each event once and in order."""
    require(context.principal, Action.VIEW_DESK)
    found = await desk(context)
    async with context.services.hub.listen(stream_of_journal(found.journal_id)) as bell:
        at = cursor_number(after) if after is not None else await position(context, found)
        while True:
            require(context.principal, Action.VIEW_DESK)
            async with context.read() as connection:
                news = await log_after(connection, found.journal_id, at, _CHUNK)
            await context.renew()
            if news and news[0].position != at + 1:
                raise Refusal(
                    FollowError.ARCHIVED, "What follows this cursor is archived in part; begin anew.", "after"
                )
            for event in news:
                at = event.position
                yield event
            if len(news) < _CHUNK:
                await bell.wait(LOOK_AGAIN)
