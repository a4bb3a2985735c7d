"""What operators can do about orders that are stuck."""

from typing import Any
from uuid import UUID

from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.ledger.batch import UseCase
from app.ledger.idempotency import idempotency_key
from app.orders.operate import AskAgain, ForceExpire, ask_again, force_expire
from app.orders.types import MarketOrder, Order
from resolvers.context import Context
from resolvers.requests import RequestError, parse_id, parse_key


async def force_expire_order(context: Context, order_id: str, reason: str, key: str) -> Order:
    """End an order now, whatever its venue says. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(order_id, "Order", "orderId")
    if await context.loaders.order.load(id_) is None:
        raise Refusal(RequestError.NOT_FOUND, f"There is no order {order_id} that you can see.", "orderId")
    command = ForceExpire(id_, reason, context.principal.actor)
    await _submit(context, force_expire, command, "forceExpireOrder", {"order": str(id_), "reason": reason}, key)
    order = await context.loaders.order.load(id_)
    assert order is not None, "it was there just now"
    if order.market_order_id is not None:
        context.services.orders.notice_leaving(order.market_order_id, order.journal_id, order.instrument_id)
    return order


async def ask_venue_again(context: Context, market_order_id: str, reason: str, key: str) -> MarketOrder:
    """Have the venue asked where a market order stands. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(market_order_id, "MarketOrder", "marketOrderId")
    if await context.loaders.market_order.load(id_) is None:
        message = f"There is no market order {market_order_id} that you can see."
        raise Refusal(RequestError.NOT_FOUND, message, "marketOrderId")
    command = AskAgain(id_, reason, context.principal.actor)
    await _submit(context, ask_again, command, "askVenueAgain", {"marketOrder": str(id_), "reason": reason}, key)
    context.services.orders.look()
    made = await context.loaders.market_order.load(id_)
    assert made is not None, "it was there just now"
    return made


async def _submit(
    context: Context, use_case: UseCase[Any, UUID], command: object, operation: str, asked: dict[str, Any], key: str
) -> None:
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    await writer.submit(use_case, command, idempotency)
    await context.renew()
