"""What operators can do about orders that are stuck."""

from typing import Annotated, Any

import strawberry

from resolvers import operate as resolve
from schema.errors import answer, codes
from schema.keys import Key
from schema.market_orders import MarketOrder
from schema.orders import Order
from schema.relay import Info

OperateErrorCode = codes(
    "OperateErrorCode",
    "an operator's wish was declined",
    {
        "ALREADY_FINAL": "It is over already.",
        "REASON_INVALID": "The reason is empty, too long, or has characters that can't be printed.",
    },
)


@strawberry.type(description="Why an operator's wish was declined.")
class OperateError:
    code: Any = strawberry.field(graphql_type=OperateErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class ForceExpireOrderPayload:
    order: Order | None = strawberry.field(default=None, description="The order, EXPIRED.")
    errors: list[OperateError] = strawberry.field(description="Why it was not; empty if it was.")


@strawberry.type(description="What became of the request.")
class AskVenueAgainPayload:
    market_order: MarketOrder | None = strawberry.field(default=None, description="The market order as it stands now.")
    errors: list[OperateError] = strawberry.field(description="Why it was not; empty if it was.")


OrderId = Annotated[strawberry.ID, strawberry.argument(description="The order.")]
MarketOrderId = Annotated[strawberry.ID, strawberry.argument(description="The market order.")]
Reason = Annotated[
    str, strawberry.argument(description="Why, in 500 characters at most. Whose order it is can read it.")
]


async def force_expire_order(info: Info, order_id: OrderId, reason: Reason, idempotency_key: Key) -> Any:
    """End a stuck order."""

    async def work() -> dict[str, Any]:
        return {"order": await resolve.force_expire_order(info.context, order_id, reason, idempotency_key)}

    return await answer(ForceExpireOrderPayload, OperateError, OperateErrorCode, work())


async def ask_venue_again(info: Info, market_order_id: MarketOrderId, reason: Reason, idempotency_key: Key) -> Any:
    """Resynchronise with a venue."""

    async def work() -> dict[str, Any]:
        made = await resolve.ask_venue_again(info.context, market_order_id, reason, idempotency_key)
        return {"market_order": made}

    return await answer(AskVenueAgainPayload, OperateError, OperateErrorCode, work())
