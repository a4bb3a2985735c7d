"""Orders and what becomes of them."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import strawberry

from app.market import types as market
from app.orders import reads
from app.orders import types as orders
from resolvers import accounts as resolve_accounts
from resolvers import market as resolve_market
from resolvers import orders as resolve
from resolvers.ids import encode_id
from schema.enums import describe
from schema.market import Instrument
from schema.money import Money, dollars
from schema.relay import Info, Node
from schema.scalars import Decimal

if TYPE_CHECKING:
    from schema.accounts import Account
    from schema.market_orders import MarketOrder

Side: TypeAlias = market.Side
describe(
    Side,
    "OrderSide",
    "Which way an order goes.",
    {"BUY": "Dollars are spent for units.", "SELL": "Units are sold for dollars."},
)
OrderType: TypeAlias = orders.OrderType
describe(
    OrderType,
    "OrderType",
    "Whether an order names the worst price at which it may be filled.",
    {"MARKET": "At the market's price.", "LIMIT": "At the limit or better."},
)
TimeInForce: TypeAlias = market.TimeInForce
describe(
    TimeInForce,
    "TimeInForce",
    "How long an order stands.",
    {
        "DAY": "Until the session closes in which it can first be dealt.",
        "GTC": "Until it is canceled.",
        "GTD": "Until the moment given.",
    },
)
OrderStatus: TypeAlias = orders.OrderStatus
describe(
    OrderStatus,
    "OrderStatus",
    "Where an order stands.",
    {
        "ACCEPTED": "It gathers with others; what it needs is held.",
        "NEW": "It is part of a market order, and nothing is filled.",
        "PARTIALLY_FILLED": "A part is filled, and more may come.",
        "FILLED": "It is filled.",
        "PENDING_CANCEL": "It ends as soon as the market lets go of what is not filled.",
        "CANCELED": "It ended before it was filled, or a part of it was taken back.",
        "PENDING_REPLACE": "Another takes its place as soon as the market lets go of what is not filled.",
        "REPLACED": "Another order has taken its place.",
        "EXPIRED": "Its time was over before it was filled.",
        "REJECTED": "The market did not take it; nothing was filled.",
    },
)
Capacity: TypeAlias = orders.Capacity
describe(
    Capacity,
    "Capacity",
    "In which role the firm dealt.",
    {
        "AGENCY": "For its customers alone.",
        "MIXED": "The house took or gave the part of a share.",
        "PRINCIPAL": "The house itself was the counterparty.",
    },
)

Order_ = strawberry.Parent[orders.Order]


def _order_id(root: Order_) -> strawberry.ID:
    return strawberry.ID(encode_id("Order", root.id))


async def _account(root: Order_, info: Info) -> Any:
    return await resolve_accounts.find(info.context, root.account_id)


def _instrument(root: Order_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.instrument_id)


def _type(root: Order_) -> OrderType:
    return root.terms.type


def _limit_price(root: Order_) -> Any:
    return dollars(root.terms.limit_price)


def _time_in_force(root: Order_) -> TimeInForce:
    return root.terms.time_in_force


def _expires_at(root: Order_) -> datetime.datetime | None:
    return root.terms.expires_at


async def _replaces(root: Order_, info: Info) -> Any:
    return root.replaces and await info.context.loaders.order.load(root.replaces)


async def _replaced_by(root: Order_, info: Info) -> Any:
    return root.replaced_by and await info.context.loaders.order.load(root.replaced_by)


def _amount(root: Order_) -> Any:
    return dollars(root.amount)


def _filled_amount(root: Order_) -> Any:
    return dollars(root.filled_amount)


def _average_price(root: Order_) -> Any:
    return dollars(root.average_price)


async def _executions(root: Order_, info: Info) -> Any:
    return [] if root.market_order_id is None else await info.context.loaders.executions.load(root.market_order_id)


async def _allocation(root: Order_, info: Info) -> Any:
    return await info.context.loaders.allocation.load(root.id)


async def _capacity(root: Order_, info: Info) -> Any:
    found = root.market_order_id and await info.context.loaders.market_order.load(root.market_order_id)
    return found.capacity if found else None


async def _settles_on(root: Order_, info: Info) -> datetime.date | None:
    found = root.market_order_id and await info.context.loaders.market_order.load(root.market_order_id)
    return found.settles_on if found else None


def _price(root: strawberry.Parent[reads.Execution]) -> Any:
    return dollars(root.price)


@strawberry.type(description="A deal in the market. It may be shared by many customers at one average price.")
class Execution:
    venue: str = strawberry.field(description="Where it was dealt; `house` if the firm itself was the counterparty.")
    quantity: Decimal = strawberry.field(description="How many were dealt for everybody together.")
    price: Money = strawberry.field(resolver=_price, description="At which price each.")
    executed_at: datetime.datetime = strawberry.field(description="When, on the market's clock.")
    settles_on: datetime.date = strawberry.field(description="When it settles.")
    kind: str = strawberry.field(description="EXECUTION, or the BUST or CORRECTION of one.")
    standing: bool = strawberry.field(description="False once it was taken back or corrected, and for a BUST.")


Allocation_ = strawberry.Parent[reads.Allocation]


def _allocation_order(root: Allocation_) -> strawberry.ID:
    return strawberry.ID(encode_id("Order", root.order_id))


def _allocation_amount(root: Allocation_) -> Any:
    return dollars(root.filled_amount)


async def _dealt_as(root: Allocation_, info: Info) -> Any:
    return await resolve.dealt_as(info.context, root.market_order_id)


@strawberry.type(description="An order's line of the allocation statement, written before the market order was sent.")
class Allocation:
    order_id: strawberry.ID = strawberry.field(resolver=_allocation_order, description="Which order.")
    quantity: Decimal = strawberry.field(description="Its stated share.")
    filled_quantity: Decimal = strawberry.field(description="What it was given.")
    filled_amount: Money = strawberry.field(resolver=_allocation_amount, description="For how much.")
    market_order: Annotated["MarketOrder", strawberry.lazy("schema.market_orders")] | None = strawberry.field(
        resolver=_dealt_as, description="What was dealt for all who take part, for operators; null for others."
    )


@strawberry.type(description="An order of one account.")
class Order(Node):
    id: strawberry.ID = strawberry.field(resolver=_order_id, description="Opaque and stable.")
    account: Annotated["Account", strawberry.lazy("schema.accounts")] | None = strawberry.field(
        resolver=_account, description="Whose it is."
    )
    instrument: Instrument = strawberry.field(resolver=_instrument, description="What is bought or sold.")
    side: Side = strawberry.field(description="Which way it goes.")
    amount: Money | None = strawberry.field(resolver=_amount, description="The dollars named, if it is by amount.")
    quantity: Decimal | None = strawberry.field(description="The quantity named, if it is by quantity.")
    sell_all: bool = strawberry.field(name="all", description="Whether everything was to be sold.")
    type: OrderType = strawberry.field(resolver=_type, description="At the market's price, or at a limit or better.")
    limit_price: Money | None = strawberry.field(
        resolver=_limit_price, description="The worst price at which it may be filled; null if any."
    )
    time_in_force: TimeInForce = strawberry.field(resolver=_time_in_force, description="How long it stands.")
    expires_at: datetime.datetime | None = strawberry.field(
        resolver=_expires_at, description="When its time is over, on the market's clock; null if only a cancel ends it."
    )
    status: OrderStatus = strawberry.field(description="Where it stands.")
    replaces: Annotated["Order", strawberry.lazy("schema.orders")] | None = strawberry.field(
        resolver=_replaces, description="The order whose place it took."
    )
    replaced_by: Annotated["Order", strawberry.lazy("schema.orders")] | None = strawberry.field(
        resolver=_replaced_by, description="The order that took its place."
    )
    filled_quantity: Decimal = strawberry.field(description="How many were bought or sold so far.")
    filled_amount: Money = strawberry.field(resolver=_filled_amount, description="For how much in all.")
    average_price: Money | None = strawberry.field(
        resolver=_average_price, description="For how much each on average; null before the first fill."
    )
    capacity: Capacity | None = strawberry.field(
        resolver=_capacity, description="In which role the firm dealt; null before it is dealt."
    )
    executions: list[Execution] = strawberry.field(
        resolver=_executions, description="The deals in the market that this order had a part in."
    )
    allocation: Allocation | None = strawberry.field(
        resolver=_allocation,
        description="Its share of what is dealt for all, as stated before it was sent; null while it gathers.",
    )
    settles_on: datetime.date | None = strawberry.field(
        resolver=_settles_on, description="When shares and money change hands; null before it is dealt."
    )
    reason: str | None = strawberry.field(description="Why it was rejected, or why the rest was not filled.")
    placed_at: datetime.datetime = strawberry.field(description="When it was accepted.")
    ended_at: datetime.datetime | None = strawberry.field(description="When it came to its end.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, orders.Order)
