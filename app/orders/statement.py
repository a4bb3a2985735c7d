"""A market order and its allocation statement, as a window makes them. Pure."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT, to_text
from app.ledger.batch import Batch
from app.ledger.postings import house_supplies
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.deal import size_deal
from app.orders.lead import Lead
from app.orders.progress import ENGINE, event_of
from app.orders.types import Capacity, Group, MarketOrder, MarketOrderStatus, Order
from app.venues.profile import EXACT, Precision


@dataclass(frozen=True, slots=True)
class Gather:
    """The orders of a group are due if the first of them was placed by ``opened_by``.

    ``price`` turns dollars into stated shares: the quote, or the limit. ``market_order_id`` goes on with one whose
    statement is not complete yet. ``lead`` is the right to do so; without one it is not asked for. With ``sends`` the
    venue may be sent what it becomes at once, which is recorded in the same commit; the house always may.
    """

    group: Group
    opened_by: datetime
    price: int
    whole_shares: bool
    venue: str
    trade_date: date
    settles_on: date
    lead: Lead | None = None
    market_order_id: UUID | None = None
    precision: Precision = EXACT
    sends: bool = False


def opened(batch: Batch, id_: UUID, book: int, command: Gather) -> MarketOrder:
    """A market order without participants yet; ``book`` is its own."""
    return MarketOrder(
        id=id_,
        journal_id=batch.journal.id,
        book_id=book,
        instrument_id=command.group.instrument_id,
        side=command.group.side,
        terms=command.group.terms,
        status=MarketOrderStatus.GATHERING,
        reference_price=command.price,
        trade_date=command.trade_date,
        settles_on=command.settles_on,
        precision=command.precision,
        created_at=batch.recorded_at,
    )


def stated(order: Order, command: Gather) -> int:
    """The shares that stand for an order in the statement; for one by amount an estimate at the command's price."""
    if order.quantity is not None:
        return order.quantity
    assert order.amount is not None
    shares = max(command.precision.step, command.precision.quotient(order.amount * UNIT, command.price))
    return min(shares, order.held) if order.side is Side.SELL else shares


def sized(made: MarketOrder, by_amount: int, command: Gather, stock: dict[int, int]) -> MarketOrder:
    """The statement is complete: say how much is dealt."""
    inventory = stock.get(made.instrument_id, 0)
    deal = size_deal(made.side, made.requested - by_amount, by_amount, inventory, whole_shares=command.whole_shares)
    stock[made.instrument_id] = inventory - deal.supplied
    principal = deal.capacity is Capacity.PRINCIPAL
    quantity = made.requested if principal else deal.quantity
    return replace(
        made,
        status=MarketOrderStatus.SENT if principal or command.sends else MarketOrderStatus.CREATED,
        capacity=deal.capacity,
        quantity=quantity,
        supplied=deal.supplied,
        reference_price=command.price,
    )


def created(batch: Batch, made: MarketOrder) -> Entry:
    """The event, with what the house sets aside for it."""
    data = {
        "market_order": str(made.id),
        "instrument": made.instrument_id,
        "side": made.side,
        "orders": made.participants,
        "requested": to_text(made.requested),
        "quantity": to_text(made.quantity),
        "supplied": to_text(made.supplied),
        "capacity": made.capacity,
        "type": made.terms.type,
        "limit_price": None if made.terms.limit_price is None else to_text(made.terms.limit_price),
    }
    type_ = EventType.MARKET_ORDER_CREATED
    legs = house_supplies(batch.journal, made.book_id, made.instrument_id, made.supplied) if made.supplied else []
    return Entry(NewEvent(made.book_id, type_, ENGINE, batch.effective_at, correlation=made.id, data=data), legs)


def routed(batch: Batch, order: Order, made: MarketOrder) -> Entry:
    """The order is part of the market order from now on."""
    data = event_of(order, market_order=str(made.id))
    event = NewEvent(
        order.book_id,
        EventType.ORDER_NEW,
        ENGINE,
        batch.effective_at,
        cause=made.id,
        correlation=order.id,
        data=data,
    )
    return Entry(event)
