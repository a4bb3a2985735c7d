"""What operators can do about orders that are stuck. Each act is an event, with its actor and reason, that stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.texts import is_text
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.progress import event_of, release
from app.orders.rows import market_order_from, order_from
from app.orders.types import OrderStatus

MAX_REASON = 500


class OperateError(StrEnum):
    """Why an operator's wish was declined."""

    ALREADY_FINAL = "ALREADY_FINAL"
    REASON_INVALID = "REASON_INVALID"


@dataclass(frozen=True, slots=True)
class ForceExpire:
    """An order shall end now, whatever its venue says later: that would be the house's."""

    order_id: UUID
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The venue of a market order shall be asked where it stands, and be told again what it does not know."""

    market_order_id: UUID
    reason: str
    actor: str


async def force_expire(batch: Batch, commands: Sequence[ForceExpire]) -> list[UUID | Refusal]:
    """End each order as EXPIRED with what is filled, and free the rest of its hold; answers its id."""
    rows = await batch.connection.fetch(
        "SELECT * FROM customer_order WHERE id = ANY ($1)", [each.order_id for each in commands]
    )
    orders = {row["id"]: order_from(row) for row in rows}
    answers: list[UUID | Refusal] = []
    for command in commands:
        order = orders[command.order_id]
        refusal = _reason_refusal(command.reason)
        if refusal is None and order.status.is_final:
            refusal = _final(f"The order is {order.status.lower()} already; there is nothing to expire.", "orderId")
        answers.append(refusal or order.id)
        if refusal is not None:
            continue
        del orders[command.order_id]
        event = NewEvent(
            order.book_id,
            EventType.ORDER_EXPIRED,
            command.actor,
            batch.effective_at,
            correlation=order.id,
            data=event_of(order, reason=command.reason),
        )
        await batch.post_facts([Entry(event, release(order, order.held))])
        await batch.connection.execute(_TAKE_OUT_OF_RUN, order.id)
        row = await batch.connection.fetchrow(
            _EXPIRE, order.id, OrderStatus.EXPIRED.value, command.reason, batch.recorded_at
        )
        assert row is not None, "it was there just now"
        orders[order.id] = order_from(row)
    return answers


async def ask_again(batch: Batch, commands: Sequence[AskAgain]) -> list[UUID | Refusal]:
    """Have each venue asked by whoever leads the shard; answers the market order's id."""
    rows = await batch.connection.fetch(
        "SELECT * FROM market_order WHERE id = ANY ($1)", [each.market_order_id for each in commands]
    )
    found = {row["id"]: market_order_from(row) for row in rows}
    answers: list[UUID | Refusal] = []
    for command in commands:
        made = found[command.market_order_id]
        refusal = _reason_refusal(command.reason)
        if refusal is None and made.ended_at is not None:
            refusal = _final(f"The market order is {made.status.lower()} already.", "marketOrderId")
        answers.append(refusal or made.id)
        if refusal is None:
            data = {"market_order": str(made.id), "reason": command.reason}
            type_ = EventType.MARKET_ORDER_ASKED_AGAIN
            await batch.post_facts(
                [
                    Entry(
                        NewEvent(made.book_id, type_, command.actor, batch.effective_at, correlation=made.id, data=data)
                    )
                ]
            )
            await batch.connection.execute("UPDATE venue_order SET to_ask = true WHERE market_order_id = $1", made.id)
    return answers


def _reason_refusal(reason: str) -> Refusal | None:
    if is_text(reason, MAX_REASON):
        return None
    message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(reason)}."
    return Refusal(OperateError.REASON_INVALID, message, "reason")


def _final(message: str, path: str) -> Refusal:
    return Refusal(OperateError.ALREADY_FINAL, message, path)


#: What a run under way had planned for it is the house's; one that is being planned fails on this, and looks again.
_TAKE_OUT_OF_RUN = """
UPDATE allocation SET planned_quantity = filled_quantity, planned_amount = filled_amount WHERE order_id = $1
"""

_EXPIRE = """
UPDATE customer_order SET status = $2, held = 0, reason = $3, ended_at = $4, ends_as = NULL, replacement = NULL
WHERE id = $1 RETURNING *
"""
