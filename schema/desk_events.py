"""The tenant's journal as it is written, for operators who follow it."""

import datetime
from typing import Any

import strawberry

from app.kernel import events
from resolvers import market as resolve_market
from resolvers.ids import encode_cursor, encode_id
from schema.event_types import EventType
from schema.market import Instrument
from schema.money import Money
from schema.order_events import dollars_in, figure
from schema.orders import Side
from schema.relay import Info
from schema.scalars import Decimal

Event_ = strawberry.Parent[events.Event]


def _cursor(root: Event_) -> str:
    return encode_cursor(root.position)


def _event_instrument(root: Event_, info: Info) -> Any:
    found = root.data.get("instrument")
    return None if found is None else resolve_market.by_id(info.context, found)


def _text(name: str) -> Any:
    def text(root: Event_) -> str | None:
        found = root.data.get(name)
        return None if found is None else str(found)

    return text


def _number(name: str) -> Any:
    def number(root: Event_) -> int | None:
        return root.data.get(name)

    return number


def _side(root: Event_) -> Any:
    found = root.data.get("side")
    return None if found is None else Side(found)


def _id_in(name: str, type_name: str) -> Any:
    def id_in(root: Event_) -> strawberry.ID | None:
        found = root.data.get(name)
        return None if found is None else strawberry.ID(encode_id(type_name, found))

    return id_in


@strawberry.type(description="An entry of the tenant's journal as it is written. Fields that it doesn't have are null.")
class DeskEvent:
    cursor: str = strawberry.field(resolver=_cursor, description="Pass it as `after` to go on from here.")
    position: int = strawberry.field(description="Its number in the whole journal, without gaps.")
    type: EventType = strawberry.field(description="What happened.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    instrument: Instrument | None = strawberry.field(resolver=_event_instrument, description="About what.")
    side: Side | None = strawberry.field(resolver=_side, description="Which way.")
    order_id: strawberry.ID | None = strawberry.field(
        resolver=_id_in("order", "Order"), description="The customer's order."
    )
    market_order_id: strawberry.ID | None = strawberry.field(
        resolver=_id_in("market_order", "MarketOrder"), description="The market order."
    )
    orders: int | None = strawberry.field(
        resolver=_number("orders"), description="How many customers' orders a new market order gathers."
    )
    amount: Money | None = strawberry.field(
        resolver=dollars_in("amount"), description="The dollars of an order by amount, or of an execution."
    )
    quantity: Decimal | None = strawberry.field(
        resolver=figure("quantity"), description="The quantity of an order, a market order or an execution."
    )
    requested: Decimal | None = strawberry.field(
        resolver=figure("requested"), description="What a new market order's customers want in all."
    )
    supplied: Decimal | None = strawberry.field(
        resolver=figure("supplied"), description="What the house gives to a new market order."
    )
    price: Money | None = strawberry.field(resolver=dollars_in("price"), description="The price of an execution.")
    venue: str | None = strawberry.field(resolver=_text("venue"), description="The venue of an execution.")
    last_quantity: Decimal | None = strawberry.field(
        resolver=figure("last_quantity"), description="How many an order was filled with now."
    )
    last_amount: Money | None = strawberry.field(
        resolver=dollars_in("last_amount"), description="For how much it was filled now."
    )
    cumulative_quantity: Decimal | None = strawberry.field(
        resolver=figure("cumulative_quantity"), description="How many an order was filled with in all."
    )
    house_shares: Decimal | None = strawberry.field(
        resolver=figure("house_shares"), description="What the house took when a market order ended."
    )
    reason: str | None = strawberry.field(
        resolver=_text("reason"), description="Why something ended, where there is one."
    )
