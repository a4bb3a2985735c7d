"""From a plan to events and postings: what changes for each order, and for the house. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text, whole_cents
from app.ledger.postings import close_market_order, customer_buys, customer_sells
from app.ledger.types import Entry, Journal, Leg
from app.market.types import Side
from app.orders.allocate import Allotment
from app.orders.plan import Progress
from app.orders.progress import ENGINE, event_of, release
from app.orders.types import Capacity, MarketOrder, MarketOrderStatus, Order, OrderStatus

_ENDED = {
    OrderStatus.FILLED: EventType.ORDER_FILLED,
    OrderStatus.CANCELED: EventType.ORDER_CANCELED,
    OrderStatus.EXPIRED: EventType.ORDER_EXPIRED,
    OrderStatus.REJECTED: EventType.ORDER_REJECTED,
    OrderStatus.REPLACED: EventType.ORDER_REPLACED,
}


@dataclass(frozen=True, slots=True)
class OrderFill:
    """What changes for one order: its status and hold afterwards, the last quantity, and the last amount in dollars.

    The last figures are negative when something is taken back.
    """

    order: Order
    last_quantity: int
    last_amount: int
    status: OrderStatus
    held: int
    reason: str | None
    taken_back: bool = False

    @property
    def moves(self) -> bool:
        return bool(self.last_quantity or self.last_amount)

    @property
    def ends(self) -> bool:
        """Whether the order comes to its end with this."""
        return self.order.ended_at is None and self.status.is_final


def fills_of(progress: Progress, orders: Sequence[Order], planned: Sequence[Allotment]) -> list[OrderFill]:
    """What changes for each order; those for which nothing does are left out."""
    fills = [_order_fill(progress, order, each) for order, each in zip(orders, planned, strict=True)]
    return [fill for fill in fills if fill.moves or fill.ends]


def _order_fill(progress: Progress, order: Order, planned: Allotment) -> OrderFill:
    quantity, amount = planned.quantity - order.filled_quantity, planned.amount - order.filled_amount
    if order.ended_at is not None:
        undone = order.status is OrderStatus.FILLED and quantity < 0
        status = OrderStatus.CANCELED if undone else order.status
        reason = "a deal was taken back" if undone else order.reason
        return OrderFill(order, quantity, amount, status, 0, reason, progress.taken_back)
    held = order.held - _from_hold(order, quantity, amount)
    status, reason = _status(progress, order, planned)
    return OrderFill(order, quantity, amount, status, held, reason, progress.taken_back)


def _from_hold(order: Order, quantity: int, amount: int) -> int:
    """What the hold gives; negative: what it gets back."""
    if order.side is Side.SELL:
        return quantity
    return max(min(amount, order.held), order.held - order.funding.total)


def _is_filled(progress: Progress, order: Order, planned: Allotment) -> bool:
    """Whether it has all that it asked for; one by amount has that when its market order is filled and it stayed."""
    over = progress.ending is MarketOrderStatus.FILLED
    if order.quantity is not None:
        return (over or progress.frees(order)) and planned.quantity == order.quantity
    stayed = order.ends_as is None or not progress.frees(order)
    return over and planned.quantity > 0 and (stayed or planned.amount == order.amount)


def _status(progress: Progress, order: Order, planned: Allotment) -> tuple[OrderStatus, str | None]:
    filled = planned.quantity
    if _is_filled(progress, order, planned):
        return OrderStatus.FILLED, None
    if order.ends_as is not None and (progress.frees(order) or progress.ending is not None):
        return order.ends_as, order.reason
    if progress.ending is None:
        if order.ends_as is not None:
            return order.status, order.reason
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW, None
    if progress.ending is MarketOrderStatus.EXPIRED:
        return OrderStatus.EXPIRED, progress.reason
    rejected = progress.ending is MarketOrderStatus.REJECTED and not filled
    return OrderStatus.REJECTED if rejected else OrderStatus.CANCELED, progress.reason


def entries_of(fill: OrderFill, made: MarketOrder, at: datetime, kept: int = 0) -> list[Entry]:
    """The order's events: its part of the fill, and its end with the rest of the hold freed.

    ``kept`` of the hold goes on behind the order that takes its place.
    """
    order, entries = fill.order, []
    free = fill.held - kept
    rest = release(order, free) if fill.ends and free else []
    filled = fill.ends and fill.status is OrderStatus.FILLED and not fill.taken_back
    if fill.moves or filled:
        type_ = EventType.ORDER_FILLED if filled else EventType.ORDER_PARTIALLY_FILLED
        if fill.taken_back:
            type_ = EventType.ORDER_TRADE_CORRECTED
        entries.append(_entry(fill, made, type_, at, [*_movement(fill, made), *(rest if filled else [])]))
    if fill.ends and not filled:
        entries.append(_entry(fill, made, _ENDED[fill.status], at, rest, ends=True))
    return entries


def _movement(fill: OrderFill, made: MarketOrder) -> list[Leg]:
    order, asset = fill.order, made.instrument_id
    if order.side is Side.SELL:
        held = order.ended_at is None
        return customer_sells(order.book_id, made.book_id, asset, fill.last_quantity, fill.last_amount, held=held)
    from_hold = 0 if order.ended_at is not None else order.held - fill.held
    return customer_buys(order.book_id, made.book_id, asset, fill.last_quantity, fill.last_amount, from_hold)


def _entry(
    fill: OrderFill, made: MarketOrder, type_: EventType, at: datetime, legs: Sequence[Leg], *, ends: bool = False
) -> Entry:
    order = fill.order
    reason = fill.reason if ends or fill.taken_back else None
    data = event_of(order, last_quantity=fill.last_quantity, last_amount=fill.last_amount, reason=reason)
    if ends:  # the last fill, if any, is told by the event before
        data |= {"last_quantity": to_text(0), "last_amount": to_text(0)}
    else:
        data |= {"capacity": made.capacity, "settles_on": made.settles_on.isoformat()}
    return Entry(NewEvent(order.book_id, type_, ENGINE, at, cause=made.id, correlation=order.id, data=data), legs)


@dataclass(frozen=True, slots=True)
class HousePart:
    """The house's part of a market order: shares for its inventory, and dollars that it pays (of a sell: gets)."""

    shares: int
    amount: int


def house_part(made: MarketOrder, filled_quantity: int, filled_amount: int) -> HousePart:
    """Whatever customers did not take: ``made.customers_*`` say what they did."""
    principal = made.capacity is Capacity.PRINCIPAL
    street, paid = (0, 0) if principal else (filled_quantity, filled_amount)
    if made.side is Side.BUY:
        return HousePart(made.supplied + street - made.customers_quantity, paid - made.customers_amount)
    return HousePart(made.supplied + made.customers_quantity - street, paid - made.customers_amount)


def closing_entry(journal: Journal, progress: Progress, made: MarketOrder, part: HousePart, at: datetime) -> Entry:
    """The market order's last event (so far): what is left in its account is the house's."""
    shares, amount = part.shares - made.house_quantity, part.amount - made.house_amount
    pays = amount if made.side is Side.BUY else -amount
    cash = whole_cents(pays) if part.shares or made.house_quantity or made.supplied else 0
    data = {
        "market_order": str(made.id),
        "status": progress.ending or made.status,
        "reason": progress.reason,
        "filled_quantity": to_text(progress.fill.quantity),
        "filled_amount": to_text(progress.fill.amount),
        "customers_quantity": to_text(made.customers_quantity),
        "house_shares": to_text(part.shares),
    }
    event = NewEvent(made.book_id, EventType.MARKET_ORDER_CLOSED, ENGINE, at, correlation=made.id, data=data)
    return Entry(event, close_market_order(journal, made.book_id, made.instrument_id, shares, cash, pays - cash))
