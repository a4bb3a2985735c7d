"""An order takes the place of another: it inherits the rest of its hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.ledger.postings import Funding
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.fill import OrderFill
from app.orders.record_orders import record_orders
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.types import Group, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class Succession:
    """The order that takes the place of another, which has ended as REPLACED."""

    order: Order
    actor: str

    @property
    def group(self) -> Group:
        return self.order.group

    def entry(self, at: datetime) -> Entry:
        """Its first event; its hold is there already."""
        order = self.order
        data = accepted_data(order) | {"replaces": str(order.replaces)}
        return Entry(NewEvent(order.book_id, EventType.ORDER_ACCEPTED, self.actor, at, correlation=order.id, data=data))


def accepted_data(order: Order) -> dict[str, object]:
    """What the first event of an order says."""
    terms = order.terms
    return {
        "order": str(order.id),
        "instrument": order.instrument_id,
        "side": order.side,
        "amount": None if order.amount is None else to_text(order.amount),
        "quantity": None if order.quantity is None else to_text(order.quantity),
        "all": order.sell_all,
        "type": terms.type,
        "limit_price": None if terms.limit_price is None else to_text(terms.limit_price),
        "time_in_force": terms.time_in_force,
        "expires_at": None if terms.expires_at is None else terms.expires_at.isoformat(),
        "last_quantity": to_text(0),
        "last_amount": to_text(0),
        "cumulative_quantity": to_text(0),
        "cumulative_amount": to_text(0),
    }


def succession(fill: OrderFill, at: datetime) -> tuple[OrderFill, Succession | None]:
    """The order's end, and what follows: nothing, when the new size is filled already or the hold does not cover it."""
    order, wanted = fill.order, fill.order.replacement
    if not fill.ends or fill.status is not OrderStatus.REPLACED or wanted is None:
        return fill, None
    size = Size(
        None if wanted.amount is None else wanted.amount - order.filled_amount - fill.last_amount,
        None if wanted.quantity is None else wanted.quantity - order.filled_quantity - fill.last_quantity,
    )
    if (size.amount or size.quantity or 0) <= 0:
        return replace(fill, status=OrderStatus.CANCELED, reason="what was asked for instead is filled already"), None
    price = wanted.terms.limit_price or order.reference_price
    if order.side is Side.BUY:
        hold = dollars_to_hold(size, price, wanted.terms.type)
    else:
        hold = shares_to_hold(size, price, fill.held)
    if hold > fill.held:
        return replace(fill, status=OrderStatus.CANCELED, reason="too little is left for what was asked instead"), None
    made = Order(
        id=wanted.id,
        journal_id=order.journal_id,
        account_id=order.account_id,
        book_id=order.book_id,
        instrument_id=order.instrument_id,
        side=order.side,
        terms=wanted.terms,
        amount=size.amount,
        quantity=size.quantity,
        sell_all=False,
        status=OrderStatus.ACCEPTED,
        reference_price=order.reference_price,
        held=hold,
        placed_at=at,
        funding=_funding(fill, hold),
        funding_due_on=order.funding_due_on,
        replaces=order.id,
    )
    return fill, Succession(made, wanted.actor)


def _funding(fill: OrderFill, hold: int) -> Funding:
    """What stands behind the new order: what the old one has not used, but for the end of it, which is freed."""
    funding = fill.order.funding
    if fill.order.side is Side.SELL:
        return Funding()
    used = funding.total - fill.held
    return funding.rest_after(used).minus(funding.rest_after(used + hold))


async def record_successors(batch: Batch, successions: Sequence[Succession]) -> None:
    """Write the new orders, and their ids into those that they replace."""
    if not successions:
        return
    await record_orders(batch, [each.order for each in successions])
    await batch.connection.executemany(
        "UPDATE customer_order SET replaced_by = $2 WHERE id = $1",
        [(each.order.replaces, each.order.id) for each in successions],
    )
