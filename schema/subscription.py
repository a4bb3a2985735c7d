"""What can be followed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import strawberry

from resolvers import desk as resolve_desk
from resolvers import live as resolve_live
from resolvers import market as resolve_market
from resolvers import order_events as resolve_orders
from resolvers.paging import cursor_number
from schema.accounts import AccountValue
from schema.desk_events import DeskEvent
from schema.market import Quote
from schema.order_events import OrderEvent
from schema.relay import Info

AccountId = Annotated[strawberry.ID, strawberry.argument(description="Which account.")]
AfterCursor = Annotated[
    str | None, strawberry.argument(description="The last cursor you have seen: what you missed since comes first.")
]
Symbols = Annotated[list[str], strawberry.argument(description="Tickers, 50 at most.")]


async def _order_events(info: Info, account_id: AccountId, after: AfterCursor = None) -> AsyncGenerator[Any, None]:
    async with aclosing(resolve_orders.order_events(info.context, account_id, cursor_number(after))) as found:
        async for event in found:
            yield event


async def _quotes(info: Info, symbols: Symbols) -> AsyncGenerator[Any, None]:
    async with aclosing(resolve_market.quotes(info.context, symbols)) as found:
        async for quote in found:
            yield quote


async def _account_value(info: Info, account_id: AccountId) -> AsyncGenerator[Any, None]:
    async with aclosing(resolve_live.account_value(info.context, account_id)) as found:
        async for value in found:
            yield value


async def _desk_events(info: Info, after: AfterCursor = None) -> AsyncGenerator[Any, None]:
    async with aclosing(resolve_desk.events(info.context, after)) as found:
        async for event in found:
            yield event


@strawberry.type(description="What can be followed.")
class Subscription:
    order_events: AsyncGenerator[OrderEvent, None] = strawberry.subscription(
        resolver=_order_events,
        description="Every change of the account's orders, from the journal: nothing is lost and nothing comes twice. "
        "Without `after` it begins with the account's first order.",
    )
    quotes: AsyncGenerator[Quote, None] = strawberry.subscription(
        resolver=_quotes, description="The newest quote of each of these instruments, whenever it has changed."
    )
    account_value: AsyncGenerator[AccountValue, None] = strawberry.subscription(
        resolver=_account_value, description="What the account is worth, whenever that has changed."
    )
    desk_events: AsyncGenerator[DeskEvent, None] = strawberry.subscription(
        resolver=_desk_events,
        description="The whole tenant's journal as it is written, for operators. Without `after` it begins now.",
    )
