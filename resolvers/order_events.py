"""What happens to an account's orders, followed."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clients.reads import accounts_by_id
from app.clients.types import Account
from app.identity.policy import Action, Denied
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.ledger.reads import streams_after
from app.ledger.writers import stream_of_book
from app.orders.reads import orders_by_id
from app.orders.types import Order
from resolvers.context import Context
from resolvers.requests import account_for, permitted

#: A subscription looks into the log this often (seconds) even if no bell rings.
LOOK_AGAIN = 10.0
_CHUNK = 100


class FollowError(StrEnum):
    """Why events can't be followed from a cursor."""

    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class OrderEvent(Event):
    """An event of an order, with the order as it stood when the event was read."""

    order: Order


_OF_EVENTS = [each.name for each in fields(Event)]


@dataclass(frozen=True, slots=True)
class _News:
    """What a follower of an account's orders reads: the account as it is, its events, and the orders in them."""

    account: Account | None
    events: Sequence[Event]
    orders: Mapping[UUID, Order]


async def _news(
    connection: AsyncConnection, asked: Sequence[tuple[UUID, int, int]]
) -> dict[tuple[UUID, int, int], _News]:
    """The news of each account, its book, past a sequence number."""
    accounts = await accounts_by_id(connection, [account for account, _, _ in asked])
    events = await streams_after(connection, [(book, after) for _, book, after in asked], _CHUNK)
    theirs = {UUID(event.data["order"]) for stream in events.values() for event in stream if _about_order(event)}
    orders = await orders_by_id(connection, list(theirs)) if theirs else {}
    return {key: _News(accounts.get(key[0]), events[key[1:]], orders) for key in asked}


def _about_order(event: Event) -> bool:
    return event.type.startswith("ORDER_")


async def order_events(context: Context, account_id: str, after: int) -> AsyncGenerator[OrderEvent, None]:
    """The account's order events past ``after``, then each new one as it is committed.

    The bell is taken before the log is read, so nothing falls between; the stream's sequence is gapless over all of
    the account's events, of which those about orders are passed on. Who may see is asked again with every look.
    """
    account = await account_for(context, account_id, Action.VIEW_ACCOUNT)
    async with context.services.hub.listen(stream_of_book(account.book_id)) as bell:
        while True:
            news = await context.share(_news, (account.id, account.book_id, after))
            if news is None or news.account is None or not permitted(context, Action.VIEW_ACCOUNT, news.account):
                raise Denied(Action.VIEW_ACCOUNT)
            if news.events and news.events[0].sequence != after + 1:
                raise Refusal(
                    FollowError.ARCHIVED, "What follows this cursor is archived in part; begin anew.", "after"
                )
            for event in news.events:
                after = event.sequence
                if _about_order(event):
                    await context.renew()
                    # What was read with the event needs no reading of its own.
                    context.loaders.account.prime(account.id, news.account)
                    order = news.orders[UUID(event.data["order"])]
                    yield OrderEvent(order=order, **{name: getattr(event, name) for name in _OF_EVENTS})
            if len(news.events) < _CHUNK:
                await bell.wait(LOOK_AGAIN)
