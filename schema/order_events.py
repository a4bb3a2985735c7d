"""What happens to orders, event by event."""

import datetime
from typing import Any

import strawberry

from app.kernel import events
from app.kernel.money import parse, to_units
from resolvers.ids import encode_cursor
from schema.event_types import EventType
from schema.money import Money, dollars
from schema.orders import Order
from schema.scalars import Decimal

Event_ = strawberry.Parent[events.Event]


def units_in(event: events.Event, name: str) -> int | None:
    """A figure in an event's data, in units."""
    text = event.data.get(name)
    return None if text is None else to_units(parse(text))


def figure(name: str) -> Any:
    """A resolver for a quantity in an event's data."""

    def resolver(root: Event_) -> Any:
        return units_in(root, name)

    return resolver


def dollars_in(name: str) -> Any:
    """A resolver for an amount in an event's data."""

    def resolver(root: Event_) -> Any:
        return dollars(units_in(root, name))

    return resolver


def _event_cursor(root: Event_) -> str:
    return encode_cursor(root.sequence)


def _event_reason(root: Event_) -> str | None:
    return root.data.get("reason")


@strawberry.type(description="A change of an order's state.")
class OrderEvent:
    cursor: str = strawberry.field(resolver=_event_cursor, description="Pass it as `after` to go on from here.")
    type: EventType = strawberry.field(description="What happened.")
    order: Order = strawberry.field(description="The order as it stood when the event was told.")
    last_quantity: Decimal | None = strawberry.field(
        resolver=figure("last_quantity"),
        description="How many this event filled; negative when a deal was taken back. Null in events of old.",
    )
    last_amount: Money | None = strawberry.field(
        resolver=dollars_in("last_amount"), description="For how much. Null in events of old."
    )
    cumulative_quantity: Decimal | None = strawberry.field(
        resolver=figure("cumulative_quantity"), description="How many are filled in all. Null in events of old."
    )
    cumulative_amount: Money | None = strawberry.field(
        resolver=dollars_in("cumulative_amount"), description="For how much in all. Null in events of old."
    )
    reason: str | None = strawberry.field(resolver=_event_reason, description="Why it ended, where there is a reason.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    effective_at: datetime.datetime = strawberry.field(description="When it took effect, on the market's clock.")
