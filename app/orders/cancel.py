"""Canceling: before the allocation statement an order simply ends; after it, only what is not filled is freed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.ledger.commit import Batch
from app.ledger.types import Entry
from app.orders.errors import CancelOrderError
from app.orders.progress import event_of, release
from app.orders.rows import order_from
from app.orders.types import Order, OrderStatus


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The order's owner wants it ended."""

    order_id: UUID
    actor: str


async def cancel(batch: Batch, commands: Sequence[CancelOrder]) -> list[UUID | Refusal]:
    """Cancel each order at once, or mark it to be ended with whatever of it is not filled."""
    rows = await batch.connection.fetch(
        "SELECT * FROM customer_order WHERE id = ANY ($1)", [each.order_id for each in commands]
    )
    orders = {row["id"]: order_from(row) for row in rows}
    answers: list[UUID | Refusal] = []
    entries: list[Entry] = []
    statuses: dict[UUID, OrderStatus] = {}
    for command in commands:
        order = orders[command.order_id]
        refusal = _refusal(order, statuses.get(order.id, order.status))
        answers.append(refusal or order.id)
        if refusal is None:
            at_once = order.status is OrderStatus.ACCEPTED
            statuses[order.id] = OrderStatus.CANCELED if at_once else OrderStatus.PENDING_CANCEL
            entries.append(_entry(batch, order, command.actor, at_once))
    await batch.post_facts(entries)
    await batch.connection.executemany(
        "UPDATE customer_order SET status = $2, held = CASE WHEN $3 THEN 0 ELSE held END,"
        " ended_at = CASE WHEN $3 THEN $4::timestamptz END WHERE id = $1",
        [(id_, status.value, status is OrderStatus.CANCELED, batch.recorded_at) for id_, status in statuses.items()],
    )
    return answers


def _refusal(order: Order, status: OrderStatus) -> Refusal | None:
    if status.is_final:
        return Refusal(
            CancelOrderError.ALREADY_FINAL,
            f"The order is {status.lower()} already; there is nothing left to cancel.",
            "orderId",
        )
    if status is OrderStatus.PENDING_CANCEL:
        return Refusal(
            CancelOrderError.ALREADY_PENDING,
            "The order is being canceled already; wait for its last event.",
            "orderId",
        )
    return None


def _entry(batch: Batch, order: Order, actor: str, at_once: bool) -> Entry:
    type_ = EventType.ORDER_CANCELED if at_once else EventType.ORDER_PENDING_CANCEL
    event = NewEvent(order.book_id, type_, actor, batch.effective_at, correlation=order.id, data=event_of(order))
    return Entry(event, release(order, order.held) if at_once else [])
