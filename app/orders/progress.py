"""What every later event of an order says, and how the rest of its hold is freed."""

from typing import Any

from app.kernel.money import to_text
from app.ledger.postings import release_cash, release_shares
from app.ledger.types import Leg
from app.market.types import Side
from app.orders.types import Order

#: Who acts when no person does.
ENGINE = "engine"


def event_of(
    order: Order, *, last_quantity: int = 0, last_amount: int = 0, reason: str | None = None, **more: Any
) -> dict[str, Any]:
    """An event's data: the last and the cumulative figures, both always there."""
    data: dict[str, Any] = {
        "order": str(order.id),
        "instrument": order.instrument_id,
        "side": order.side,
        "last_quantity": to_text(last_quantity),
        "last_amount": to_text(last_amount),
        "cumulative_quantity": to_text(order.filled_quantity + last_quantity),
        "cumulative_amount": to_text(order.filled_amount + last_amount),
        **more,
    }
    return data if reason is None else data | {"reason": reason}


def release(order: Order, rest: int) -> list[Leg]:
    """Free the last ``rest`` units of the order's hold."""
    if order.side is Side.SELL:
        return release_shares(order.book_id, order.instrument_id, rest)
    return release_cash(order.book_id, order.funding.rest_after(order.funding.total - rest))
