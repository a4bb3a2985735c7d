"""Replacing: another size, limit or time. The new order takes the old one's place, and inherits its hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.ledger.postings import Funding, hold_cash, hold_shares
from app.ledger.types import Entry, Leg, Posted, Refused
from app.market.types import Quote, Side
from app.orders.controls import Controls, controls_of
from app.orders.errors import ReplaceOrderError, declined
from app.orders.fill import OrderFill
from app.orders.funding import with_funding_dates
from app.orders.progress import event_of, release
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.rows import order_from, replacement_to
from app.orders.succeed import record_successors, succession
from app.orders.types import Order, OrderStatus, Replacement


@dataclass(frozen=True, slots=True)
class ReplaceOrder:
    """A checked request: the order, what shall take its place (its whole size: what is filled counts in), the quote."""

    order_id: UUID
    replacement: Replacement
    quote: Quote


async def replace_orders(batch: Batch, commands: Sequence[ReplaceOrder]) -> list[UUID | Refusal]:
    """Replace each order: at once while it waits, else as soon as its market order lets go of it. Answers its id."""
    rows = await batch.connection.fetch(
        "SELECT * FROM customer_order WHERE id = ANY ($1)", [each.order_id for each in commands]
    )
    orders = {row["id"]: order_from(row) for row in rows}
    controls = await controls_of(batch, [order.account_id for order in orders.values()])
    answers: list[UUID | Refusal] = []
    for command in commands:
        order = orders[command.order_id]
        refusal = _refusal(order, command.replacement)
        if refusal is None:
            refusal = controls.review_replacement(_as_wanted(order, command.replacement), order, command.quote)
        if refusal is None:
            refusal = await _replace(batch, order, command.replacement, controls)
        if refusal is None:
            orders[order.id] = replace(order, ends_as=OrderStatus.REPLACED)
        answers.append(refusal or order.id)
    return answers


def _as_wanted(order: Order, wanted: Replacement) -> Order:
    """The order as it would be accepted, for the controls."""
    return replace(order, amount=wanted.amount, quantity=wanted.quantity, terms=wanted.terms)


async def _replace(batch: Batch, order: Order, wanted: Replacement, controls: Controls) -> Refusal | None:
    """Hold what is needed beyond the old hold, or decline; nothing has changed then."""
    at_once = order.status is OrderStatus.ACCEPTED
    needed = _needed(order, wanted, in_flight=not at_once)
    extra, surplus = max(0, needed - order.held), max(0, order.held - needed) if at_once else 0
    legs: Sequence[Leg] = release(order, surplus) if surplus else ()
    if extra:
        book, asset = order.book_id, order.instrument_id
        legs = hold_shares(book, asset, extra)
        if order.side is Side.BUY:
            legs = hold_cash(book, extra, settled_only=controls.settled_only(order))
    data = event_of(order, replaced_by=str(wanted.id))
    type_ = EventType.ORDER_REPLACED if at_once else EventType.ORDER_PENDING_REPLACE
    event = NewEvent(order.book_id, type_, wanted.actor, batch.effective_at, correlation=order.id, data=data)
    [verdict] = await batch.post([Entry(event, legs)])
    if isinstance(verdict, Refused):
        larger = replace(order, held=extra)
        return controls.explain(larger, verdict) or declined(larger, verdict)
    [larger] = await with_funding_dates(batch, [_with_hold(order, wanted, extra, verdict)])
    if at_once:
        await _take_over(batch, larger)
    else:
        await _await_release(batch, larger)
    return None


def _needed(order: Order, wanted: Replacement, *, in_flight: bool) -> int:
    """What has to be held from now on. While the old limit may still be dealt at, the dearer of the two counts."""
    size = Size(
        None if wanted.amount is None else wanted.amount - order.filled_amount,
        None if wanted.quantity is None else wanted.quantity - order.filled_quantity,
    )
    price = wanted.terms.limit_price or order.reference_price
    if order.side is Side.SELL:
        return shares_to_hold(size, price, order.held)
    return dollars_to_hold(size, max(price, order.terms.limit_price or 0 if in_flight else 0), wanted.terms.type)


def _with_hold(order: Order, wanted: Replacement, extra: int, verdict: Posted) -> Order:
    funding = order.funding
    if order.side is Side.BUY:
        taken = verdict.taken if extra else (0, 0, 0)
        rest = funding.rest_after(funding.total - order.held)
        more = Funding(*taken)
        funding = Funding(rest.settled + more.settled, rest.unsettled + more.unsettled, rest.instant + more.instant)
    return replace(order, held=order.held + extra, funding=funding, ends_as=OrderStatus.REPLACED, replacement=wanted)


async def _take_over(batch: Batch, order: Order) -> None:
    """The order waited: the new one stands in its place at once."""
    _, follows = succession(OrderFill(order, 0, 0, OrderStatus.REPLACED, order.held, None), batch.recorded_at)
    assert follows is not None, "more is asked for than is filled, and it is held"
    await batch.post_facts([follows.entry(batch.effective_at)])
    await batch.connection.execute(
        "UPDATE customer_order SET status = 'REPLACED', held = 0, ended_at = $2 WHERE id = $1",
        order.id,
        batch.recorded_at,
    )
    await record_successors(batch, [follows])


async def _await_release(batch: Batch, order: Order) -> None:
    assert order.replacement is not None
    await batch.connection.execute(
        "UPDATE customer_order SET status = 'PENDING_REPLACE', ends_as = 'REPLACED', replacement = $2, held = $3,"
        " funded_settled = $4, funded_unsettled = $5, funded_instant = $6, funding_due_on = $7 WHERE id = $1",
        order.id,
        replacement_to(order.replacement),
        to_decimal(order.held),
        to_decimal(order.funding.settled),
        to_decimal(order.funding.unsettled),
        to_decimal(order.funding.instant),
        order.funding_due_on,
    )


def _refusal(order: Order, wanted: Replacement) -> Refusal | None:
    if order.status.is_final:
        return Refusal(
            ReplaceOrderError.ALREADY_FINAL,
            f"The order is {order.status.lower()} already; place a new one.",
            "orderId",
        )
    if order.ends_as is not None:
        return Refusal(
            ReplaceOrderError.ALREADY_PENDING,
            "The order is being canceled or replaced already; wait for its next event.",
            "orderId",
        )
    if (wanted.amount is None) != (order.amount is None):
        return Refusal(
            ReplaceOrderError.SIZE_KIND_CHANGED,
            "An order by amount stays one by amount, and one by quantity one by quantity; cancel it and place another.",
            "quantity" if order.quantity is None else "amount",
        )
    if (wanted.amount or 0) <= order.filled_amount and (wanted.quantity or 0) <= order.filled_quantity:
        return Refusal(
            ReplaceOrderError.BELOW_FILLED,
            "As much as that, or more, is filled already; cancel the order to keep what is filled.",
            "quantity" if order.amount is None else "amount",
        )
    same = (wanted.amount, wanted.quantity, wanted.terms) == (order.amount, order.quantity, order.terms)
    if same:
        return Refusal(
            ReplaceOrderError.NOTHING_TO_CHANGE, "The order is like that already; name what should change.", "orderId"
        )
    return None
