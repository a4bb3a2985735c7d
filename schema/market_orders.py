"""Market orders: customers' orders dealt as one, and how they stand with their venues."""

import datetime
from typing import Any, TypeAlias
from uuid import UUID

import strawberry

from app.orders import types as orders
from resolvers import market as resolve_market
from resolvers.ids import encode_id
from resolvers.paging import asked_page
from schema.enums import describe
from schema.market import Instrument
from schema.money import Money, dollars
from schema.orders import Allocation, Capacity, Execution, OrderType, Side, TimeInForce
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection
from schema.scalars import Decimal

MarketOrderStatus: TypeAlias = orders.MarketOrderStatus
describe(
    MarketOrderStatus,
    "MarketOrderStatus",
    "Where a market order stands.",
    {
        "GATHERING": "Its allocation statement is being written.",
        "CREATED": "Its statement is complete; it is not sent yet.",
        "SENT": "It is with its venue, and nothing is filled.",
        "PARTIALLY_FILLED": "A part is filled, and more may come.",
        "FILLED": "It is filled.",
        "CANCELED": "It ended before it was filled.",
        "EXPIRED": "Its time was over before it was filled.",
        "REJECTED": "The venue did not take it.",
    },
)
VenueOrderStatus: TypeAlias = orders.VenueOrderStatus
describe(
    VenueOrderStatus,
    "VenueOrderStatus",
    "Where a market order stands in its venue's eyes, as far as we were told.",
    {
        "PENDING_NEW": "Not sent, or not acknowledged.",
        "NEW": "The venue has it.",
        "PENDING_REPLACE": "The venue was asked to deal less.",
        "PENDING_CANCEL": "The venue was asked to end it.",
        "FILLED": "All of it is dealt.",
        "CANCELED": "The venue has ended it.",
        "EXPIRED": "Its time is over.",
        "REJECTED": "The venue did not take it.",
    },
)

Made_ = strawberry.Parent[orders.MarketOrder]


def _market_order_id(root: Made_) -> strawberry.ID:
    return strawberry.ID(encode_id("MarketOrder", root.id))


def _instrument(root: Made_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.instrument_id)


def _average_price(root: Made_) -> Any:
    return dollars(root.average_price)


def _filled_amount(root: Made_) -> Any:
    return dollars(root.filled_amount)


async def _executions(root: Made_, info: Info) -> Any:
    return await info.context.loaders.executions.load(root.id)


async def _allocations(
    root: Made_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    asked = asked_page(first, after, last, before, UUID)
    return connection(await info.context.loaders.allocations.load((root.id, asked)), lambda line: line.order_id)


async def _venue_order(root: Made_, info: Info) -> Any:
    return await info.context.loaders.venue_order.load(root.id)


def _type(root: Made_) -> OrderType:
    return root.terms.type


def _limit_price(root: Made_) -> Any:
    return dollars(root.terms.limit_price)


def _time_in_force(root: Made_) -> TimeInForce:
    return root.terms.time_in_force


def _expires_at(root: Made_) -> datetime.datetime | None:
    return root.terms.expires_at


Asked_ = strawberry.Parent[orders.VenueOrderState]


@strawberry.type(description="How a market order stands with its venue, as far as we were told.")
class VenueOrder:
    venue: str = strawberry.field(description="Which; `house` if the firm itself is the counterparty.")
    status: VenueOrderStatus = strawberry.field(description="Where it stands there.")
    number: int = strawberry.field(description="How many requests to change it were made.")
    accepted: int = strawberry.field(description="The last of them that the venue accepted.")
    asked_quantity: Decimal | None = strawberry.field(
        description="The quantity that a pending request asks for; null if it asks for the end, or there is none."
    )
    told_quantity: Decimal | None = strawberry.field(
        description="All that was executed, as the venue told it with the end; null before."
    )
    sent_at: datetime.datetime | None = strawberry.field(description="When it was sent; null before.")
    heard_at: datetime.datetime | None = strawberry.field(description="When the venue was last heard of it.")


@strawberry.type(description="Customers' orders of one instrument and side, dealt as one.")
class MarketOrder(Node):
    id: strawberry.ID = strawberry.field(resolver=_market_order_id, description="Opaque and stable.")
    instrument: Instrument = strawberry.field(resolver=_instrument, description="What is dealt.")
    side: Side = strawberry.field(description="Which way.")
    status: MarketOrderStatus = strawberry.field(description="Where it stands.")
    capacity: Capacity = strawberry.field(description="In which role the firm deals.")
    requested: Decimal = strawberry.field(description="What the customers' orders add up to.")
    quantity: Decimal = strawberry.field(description="What is dealt with the venue.")
    supplied: Decimal = strawberry.field(description="What the house gives from its inventory.")
    filled_quantity: Decimal = strawberry.field(description="What is dealt so far.")
    filled_amount: Money = strawberry.field(resolver=_filled_amount, description="For how much in all.")
    average_price: Money | None = strawberry.field(resolver=_average_price, description="For how much each.")
    settles_on: datetime.date = strawberry.field(description="When it settles.")
    created_at: datetime.datetime = strawberry.field(description="When the window closed.")
    ended_at: datetime.datetime | None = strawberry.field(description="When it came to its end.")
    executions: list[Execution] = strawberry.field(resolver=_executions, description="The deals.")
    allocations: Connection[Allocation] = strawberry.field(
        resolver=_allocations, description="Who takes part, in the order of the orders' ids."
    )
    type: OrderType = strawberry.field(resolver=_type, description="At the market's price, or at a limit or better.")
    limit_price: Money | None = strawberry.field(resolver=_limit_price, description="The worst price; null if any.")
    time_in_force: TimeInForce = strawberry.field(resolver=_time_in_force, description="How long it stands.")
    expires_at: datetime.datetime | None = strawberry.field(
        resolver=_expires_at, description="When a GTD order's time is over, on the market's clock."
    )
    participants: int = strawberry.field(description="How many orders take part.")
    customers_quantity: Decimal = strawberry.field(description="What customers have of what is dealt.")
    house_quantity: Decimal = strawberry.field(description="What went to the house's inventory in the end.")
    reason: str | None = strawberry.field(description="Why it was rejected, or why the rest was not filled.")
    venue_order: VenueOrder | None = strawberry.field(
        resolver=_venue_order, description="How it stands with its venue."
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, orders.MarketOrder)
