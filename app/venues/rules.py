"""What holds at every venue of our own: when an order ends, when it can be dealt, which changes are refused."""

from datetime import datetime

from app.market.calendar import ExchangeCalendar
from app.market.types import Quote, Side, TimeInForce
from app.venues.port import Change, VenueOrder


def refusal_of(order: VenueOrder) -> str | None:
    """Why an order can't be taken at all; None if it can."""
    if order.quantity <= 0:
        return f"a quantity of {order.quantity} units can not be dealt"
    if order.limit_price is not None and order.limit_price <= 0:
        return f"a limit of {order.limit_price} units is no price"
    if order.time_in_force is TimeInForce.GTD and order.expires_at is None:
        return "a GTD order says when it expires"
    return None


def ends_at(order: VenueOrder, calendar: ExchangeCalendar, at: datetime) -> datetime | None:
    """When an order that arrives at ``at`` expires (both market time); None: it stands until it is canceled.

    A DAY order ends with the session in which it could first be dealt: the one under way, or else the next.
    """
    match order.time_in_force:
        case TimeInForce.DAY:
            return calendar.closes[calendar.index_of(at)]
        case TimeInForce.GTD:
            return order.expires_at
        case TimeInForce.GTC:
            return None


def touch(side: Side, quote: Quote) -> int:
    """The price at which an order on ``side`` is dealt at once."""
    return quote.ask if side is Side.BUY else quote.bid


def is_within(price: int, order: VenueOrder) -> bool:
    """Whether the order may be dealt at that price."""
    if order.limit_price is None:
        return True
    return price <= order.limit_price if order.side is Side.BUY else price >= order.limit_price


def change_refusal_of(change: Change, quantity: int, accepted: int, *, over: bool) -> str | None:
    """Why an order, by its quantity in force and its last accepted change, can't be changed so; None if it can."""
    if over:
        return "too late: nothing of the order is open any more"
    if change.replaces != accepted:
        return f"it replaces request {change.replaces}, but the last one accepted is {accepted}"
    if change.quantity is not None and not 0 < change.quantity <= quantity:
        return f"a quantity in force of {quantity} units can be lowered, not set to {change.quantity}"
    return None
