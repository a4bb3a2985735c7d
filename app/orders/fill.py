"""From a market order's fill to each customer's part of it. Pure: the values that execute.py then posts and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text, whole_cents
from app.ledger.postings import close_market_order, customer_buys, customer_sells, house_supplies
from app.ledger.types import Entry, Journal, Leg
from app.market.types import Side
from app.orders.allocate import Claim, Fill, Stage, allocate
from app.orders.progress import ENGINE, event_of, release
from app.orders.types import Capacity, MarketOrder, MarketOrderStatus, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a market order stands: its fill in all, and whether (and how) it is over."""

    market_order: MarketOrder
    fill: Fill
    ending: MarketOrderStatus | None
    reason: str | None

    @property
    def is_complete(self) -> bool:
        return self.ending is MarketOrderStatus.FILLED

    @property
    def stage(self) -> Stage:
        if self.ending is None:
            return Stage.OPEN
        return Stage.COMPLETE if self.is_complete else Stage.CUT_SHORT


@dataclass(frozen=True, slots=True)
class Participant:
    """An order and its line of the allocation statement."""

    order: Order
    stated: int


@dataclass(frozen=True, slots=True)
class OrderFill:
    """What changes for one order: the last quantity and amount (dollars), its status and hold afterwards."""

    order: Order
    last_quantity: int
    last_amount: int
    status: OrderStatus
    held: int
    reason: str | None


def fills_of(progress: Progress, participants: Sequence[Participant]) -> list[OrderFill]:
    """Each order's part of what is new; orders for which nothing changes are left out."""
    made = progress.market_order
    claims = [
        Claim(
            each.order.id,
            each.stated,
            each.order.amount,
            each.order.held + each.order.filled_quantity if made.side is Side.SELL else None,
            each.order.filled_quantity,
            each.order.filled_amount,
        )
        for each in participants
    ]
    obtainable, least = _bounds(progress, claims)
    allotments = allocate(
        claims,
        progress.fill,
        side=made.side,
        market_order_id=made.id,
        obtainable=obtainable,
        least=least,
        stage=progress.stage,
    )
    fills = [
        _order_fill(
            progress,
            each.order,
            got.quantity - each.order.filled_quantity,
            got.amount - each.order.filled_amount,
        )
        for each, got in zip(participants, allotments, strict=True)
    ]
    return [fill for fill in fills if fill.last_quantity or fill.last_amount or fill.status.is_final]


def _bounds(progress: Progress, claims: Sequence[Claim]) -> tuple[int, int]:
    """The most shares that customers can have (or sell), and the least that they must sell, in all."""
    made, filled = progress.market_order, progress.fill.quantity
    if not progress.is_complete:
        return filled, max(0, filled - made.supplied)
    if made.side is Side.BUY:
        return made.quantity + made.supplied, 0
    return sum(claim.limit or 0 for claim in claims), max(0, made.quantity - made.supplied)


def _order_fill(progress: Progress, order: Order, quantity: int, amount: int) -> OrderFill:
    used = quantity if order.side is Side.SELL else min(amount, order.held)
    filled = order.filled_quantity + quantity
    if progress.ending is None:
        pending = order.status is OrderStatus.PENDING_CANCEL
        status = OrderStatus.PENDING_CANCEL if pending else OrderStatus.PARTIALLY_FILLED if filled else order.status
        return OrderFill(order, quantity, amount, status, order.held - used, None)
    if progress.is_complete and filled and order.quantity in (None, filled):
        return OrderFill(order, quantity, amount, OrderStatus.FILLED, order.held - used, None)
    rejected = progress.ending is MarketOrderStatus.REJECTED and not filled
    status = OrderStatus.REJECTED if rejected else OrderStatus.CANCELED
    return OrderFill(order, quantity, amount, status, order.held - used, progress.reason)


def entries_of(fill: OrderFill, made: MarketOrder, at: datetime) -> list[Entry]:
    """The order's events: its part of the fill, and its end with the rest of the hold freed."""
    order, entries = fill.order, []
    rest = release(order, fill.held) if fill.status.is_final and fill.held else []
    if fill.last_quantity or fill.last_amount:
        full = fill.status is OrderStatus.FILLED
        type_ = EventType.ORDER_FILLED if full else EventType.ORDER_PARTIALLY_FILLED
        entries.append(_entry(fill, made, type_, at, [*_movement(fill, made), *(rest if full else [])]))
    if fill.status in (OrderStatus.CANCELED, OrderStatus.REJECTED):
        type_ = EventType.ORDER_CANCELED if fill.status is OrderStatus.CANCELED else EventType.ORDER_REJECTED
        entries.append(_entry(fill, made, type_, at, rest))
    elif fill.status is OrderStatus.FILLED and not entries:
        entries.append(_entry(fill, made, EventType.ORDER_FILLED, at, rest))
    return entries


def _movement(fill: OrderFill, made: MarketOrder) -> list[Leg]:
    order = fill.order
    if order.side is Side.SELL:
        return customer_sells(order.book_id, made.book_id, made.instrument_id, fill.last_quantity, fill.last_amount)
    from_hold = min(fill.last_amount, order.held)
    return customer_buys(
        order.book_id, made.book_id, made.instrument_id, fill.last_quantity, fill.last_amount, from_hold
    )


def _entry(fill: OrderFill, made: MarketOrder, type_: EventType, at: datetime, legs: Sequence[Leg]) -> Entry:
    ends = type_ in (EventType.ORDER_CANCELED, EventType.ORDER_REJECTED)
    data = event_of(
        fill.order,
        last_quantity=fill.last_quantity,
        last_amount=fill.last_amount,
        reason=fill.reason if ends else None,
    )
    if ends:  # the last fill, if any, is told by the event before
        data |= {"last_quantity": to_text(0), "last_amount": to_text(0)}
    else:
        data |= {"capacity": made.capacity, "settles_on": made.settles_on.isoformat()}
    order = fill.order
    return Entry(NewEvent(order.book_id, type_, ENGINE, at, cause=made.id, correlation=order.id, data=data), legs)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a market order came to: dealt with the street, shared out to customers, and the house's part.

    ``house_shares`` go to the inventory. ``customers_amount`` and ``house_amount`` are what each side pays the street
    (of a buy) or is paid by it (of a sell); they add up to what the street is due, or owes.
    """

    street: Fill
    customers_quantity: int
    customers_amount: int
    house_shares: int
    house_amount: int


def outcome_of(progress: Progress, customers_quantity: int, customers_amount: int) -> Outcome:
    """The house's part is whatever customers did not take."""
    made = progress.market_order
    street = Fill(0, 0) if made.capacity is Capacity.PRINCIPAL else progress.fill
    supplied, bought = made.supplied, street.quantity - customers_quantity
    house_shares = supplied + bought if made.side is Side.BUY else supplied - bought
    return Outcome(street, customers_quantity, customers_amount, house_shares, street.amount - customers_amount)


def closing_entry(journal: Journal, progress: Progress, outcome: Outcome, at: datetime) -> Entry:
    """The market order's last event: its account is emptied into the house's."""
    made = progress.market_order
    pays = outcome.house_amount if made.side is Side.BUY else -outcome.house_amount
    takes_part = outcome.house_shares != 0 or made.supplied != 0
    cash = whole_cents(pays) if takes_part else 0
    data = {
        "market_order": str(made.id),
        "status": progress.ending,
        "reason": progress.reason,
        "filled_quantity": to_text(progress.fill.quantity),
        "filled_amount": to_text(progress.fill.amount),
        "customers_quantity": to_text(outcome.customers_quantity),
        "house_shares": to_text(outcome.house_shares),
    }
    event = NewEvent(made.book_id, EventType.MARKET_ORDER_CLOSED, ENGINE, at, correlation=made.id, data=data)
    return Entry(
        event,
        close_market_order(journal, made.book_id, made.instrument_id, outcome.house_shares, cash, pays - cash),
    )


def house_takes(journal: Journal, market_order: int, asset: int, side: Side, quantity: int, amount: int) -> list[Leg]:
    """The house deals alone: it pays for what was bought, or delivers what was sold as far as it has it."""
    pays = amount if side is Side.BUY else -amount
    cash = whole_cents(pays)
    bought = quantity if side is Side.BUY else 0
    legs = close_market_order(journal, market_order, asset, bought, cash, pays - cash)
    return legs if side is Side.BUY else [*house_supplies(journal, market_order, asset, quantity), *legs]
