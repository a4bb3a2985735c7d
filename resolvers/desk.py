"""The desk: what an operator sees of the whole tenant."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from app.identity.policy import Action, require
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.reads import CustodyProof, custody_proof, head_position, log_after
from app.ledger.writers import stream_of_journal
from app.orders.reads import market_orders
from app.orders.types import MarketOrder
from resolvers.context import Context
from resolvers.orders import LOOK_AGAIN
from resolvers.paging import cursor_number

_CHUNK = 500


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


async def market_orders_page(context: Context, desk: Desk, asked: PageOf[UUID]) -> Page[MarketOrder]:
    """Market orders, newest first."""
    async with context.read() as connection:
        return await market_orders(connection, desk.journal_id, asked)


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
            for event in news:
                at = event.position
                yield event
            if len(news) < _CHUNK:
                await bell.wait(LOOK_AGAIN)
