"""Canceling: before the allocation statement an order simply ends; after it, its market order has to let go of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.errors import CancelOrderError
from app.orders.progress import event_of, release
from app.orders.rows import order_from
from app.orders.types import Order, OrderStatus

_ENDED = {OrderStatus.CANCELED: EventType.ORDER_CANCELED, OrderStatus.EXPIRED: EventType.ORDER_EXPIRED}


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Somebody wants it ended: its owner, an operator with a ``reason``, or (EXPIRED) its time is over.

    An order that is being replaced is left to that, unless it shall end ``instead_of_replacing``.
    """

    order_id: UUID
    actor: str
    reason: str | None = None
    ends_as: OrderStatus = OrderStatus.CANCELED
    instead_of_replacing: bool = False


async def cancel(batch: Batch, commands: Sequence[CancelOrder]) -> list[UUID | Refusal]:
    """End each order at once, or mark it to end as soon as its market order lets go of what is not filled."""
    rows = await batch.connection.fetch(
        "SELECT * FROM customer_order WHERE id = ANY ($1)", [each.order_id for each in commands]
    )
    orders = {row["id"]: order_from(row) for row in rows}
    answers: list[UUID | Refusal] = []
    taken: dict[UUID, CancelOrder] = {}
    for command in commands:
        order = orders[command.order_id]
        replacing = order.ends_as is OrderStatus.REPLACED and command.instead_of_replacing
        refusal = _refusal(order, order.id in taken or (order.ends_as is not None and not replacing))
        answers.append(refusal or order.id)
        if refusal is None:
            taken[order.id] = command
    await batch.post_facts([_entry(batch, orders[id_], command) for id_, command in taken.items()])
    await batch.connection.executemany(
        "UPDATE customer_order SET status = $2, ends_as = $3, held = CASE WHEN $4 THEN 0 ELSE held END,"
        " reason = $5, ended_at = CASE WHEN $4 THEN $6::timestamptz END WHERE id = $1",
        [_ended(batch, orders[id_], command) for id_, command in taken.items()],
    )
    return answers


def _ended(batch: Batch, order: Order, command: CancelOrder) -> tuple[object, ...]:
    at_once = order.status is OrderStatus.ACCEPTED
    status = command.ends_as if at_once else OrderStatus.PENDING_CANCEL
    ends_as = None if at_once else command.ends_as.value
    return order.id, status.value, ends_as, at_once, command.reason, batch.recorded_at


def _refusal(order: Order, ending: bool) -> Refusal | None:
    if order.status.is_final:
        return Refusal(
            CancelOrderError.ALREADY_FINAL,
            f"The order is {order.status.lower()} already; there is nothing left to cancel.",
            "orderId",
        )
    if ending:
        return Refusal(
            CancelOrderError.ALREADY_PENDING,
            "The order is being canceled or replaced already; wait for its next event.",
            "orderId",
        )
    return None


def _entry(batch: Batch, order: Order, command: CancelOrder) -> Entry:
    at_once = order.status is OrderStatus.ACCEPTED
    type_ = _ENDED[command.ends_as] if at_once else EventType.ORDER_PENDING_CANCEL
    data = event_of(order, reason=command.reason)
    event = NewEvent(order.book_id, type_, command.actor, batch.effective_at, correlation=order.id, data=data)
    return Entry(event, release(order, order.held) if at_once else [])
