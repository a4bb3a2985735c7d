"""Trading: previewing, placing, replacing and canceling orders."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.market.types import Side, TimeInForce
from app.orders.types import OrderType
from resolvers import orders as resolve
from schema.errors import answer
from schema.keys import Key
from schema.money import MoneyInput
from schema.order_errors import (
    CancelOrderError,
    CancelOrderErrorCode,
    PlaceOrderError,
    PlaceOrderErrorCode,
    ReplaceOrderError,
    ReplaceOrderErrorCode,
)
from schema.order_preview import OrderPreview
from schema.orders import Order
from schema.relay import Info
from schema.scalars import Decimal

if TYPE_CHECKING:
    pass


@strawberry.input(description="How much of what to buy or sell. Give exactly one of `amount`, `quantity` and `all`.")
class OrderInput:
    account_id: strawberry.ID = strawberry.field(description="For which account.")
    symbol: str = strawberry.field(description="The instrument's ticker.")
    side: Side = strawberry.field(description="Which way.")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="For how much money, $5.00 at least. The quantity follows from the actual price."
    )
    quantity: Decimal | None = strawberry.field(default=None, description="How many, with up to 8 decimals.")
    all: bool = strawberry.field(default=False, description="Sell everything there is of it.")
    type: OrderType = strawberry.field(default=OrderType.MARKET, description="At the market's price, or at a limit.")
    limit_price: MoneyInput | None = strawberry.field(
        default=None, description="The worst price, for a LIMIT order: in whole cents, or below $1 in 0.0001."
    )
    time_in_force: TimeInForce = strawberry.field(
        default=TimeInForce.DAY, description="How long it stands. MARKET orders are for the day."
    )
    expires_at: datetime.datetime | None = strawberry.field(
        default=None, description="For GTD: until when, on the market's clock; at most 90 days ahead."
    )


@strawberry.input(description="What to change of an order. What is left out stays; all of it is what is left out.")
class OrderChange:
    amount: MoneyInput | None = strawberry.field(
        default=None, description="The whole amount from now on, with what is filled already."
    )
    quantity: Decimal | None = strawberry.field(
        default=None, description="The whole quantity from now on, with what is filled already."
    )
    limit_price: MoneyInput | None = strawberry.field(default=None, description="Another limit.")
    time_in_force: TimeInForce | None = strawberry.field(default=None, description="Another time in force.")
    expires_at: datetime.datetime | None = strawberry.field(default=None, description="Another end, for GTD.")


@strawberry.type(description="What became of the request.")
class ReplaceOrderPayload:
    order: Order | None = strawberry.field(
        default=None,
        description="The old order: REPLACED, with the new one as `replacedBy`; or PENDING_REPLACE, "
        "until the market lets go of what is not filled of it.",
    )
    errors: list[ReplaceOrderError] = strawberry.field(description="Why it was not; empty if it was.")


@strawberry.type(description="What became of the request.")
class PlaceOrderPayload:
    order: Order | None = strawberry.field(default=None, description="The order, if it was accepted.")
    errors: list[PlaceOrderError] = strawberry.field(description="Why it was not; empty if it was.")


@strawberry.type(description="What became of the request.")
class CancelOrderPayload:
    order: Order | None = strawberry.field(default=None, description="The order as it stands now.")
    errors: list[CancelOrderError] = strawberry.field(description="Why it was not canceled; empty if it was.")


@strawberry.type(description="What the order would do, or why it would be refused.")
class PreviewOrderPayload:
    preview: OrderPreview | None = strawberry.field(default=None, description="The preview.")
    errors: list[PlaceOrderError] = strawberry.field(description="Why there is none; empty if there is.")


def _request(order: OrderInput) -> resolve.OrderRequest:
    return resolve.OrderRequest(
        account_id=order.account_id,
        symbol=order.symbol,
        side=order.side,
        amount=None if order.amount is None else order.amount.amount,
        currency="USD",
        quantity=order.quantity,
        everything=order.all,
        type=order.type,
        limit_price=None if order.limit_price is None else order.limit_price.amount,
        time_in_force=order.time_in_force,
        expires_at=order.expires_at,
    )


OrderArgument = Annotated[OrderInput, strawberry.argument(description="The order.")]


async def place_order(info: Info, input: OrderArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Place an order."""

    async def work() -> dict[str, Any]:
        return {"order": await resolve.place_order(info.context, _request(input), idempotency_key)}

    return await answer(PlaceOrderPayload, PlaceOrderError, PlaceOrderErrorCode, work())


async def preview_order(info: Info, input: OrderArgument) -> Any:  # noqa: A002
    """Preview an order."""

    async def work() -> dict[str, Any]:
        return {"preview": await resolve.preview_order(info.context, _request(input))}

    return await answer(PreviewOrderPayload, PlaceOrderError, PlaceOrderErrorCode, work())


OrderId = Annotated[strawberry.ID, strawberry.argument(description="The order.")]


async def cancel_order(info: Info, order_id: OrderId, idempotency_key: Key) -> Any:
    """Cancel an order."""

    async def work() -> dict[str, Any]:
        return {"order": await resolve.cancel_order(info.context, order_id, idempotency_key)}

    return await answer(CancelOrderPayload, CancelOrderError, CancelOrderErrorCode, work())


ChangeArgument = Annotated[OrderChange, strawberry.argument(description="What to change.")]


async def replace_order(info: Info, order_id: OrderId, change: ChangeArgument, idempotency_key: Key) -> Any:
    """Replace an order."""
    request = resolve.ChangeRequest(
        amount=None if change.amount is None else change.amount.amount,
        quantity=change.quantity,
        limit_price=None if change.limit_price is None else change.limit_price.amount,
        time_in_force=change.time_in_force,
        expires_at=change.expires_at,
    )

    async def work() -> dict[str, Any]:
        return {"order": await resolve.replace_order(info.context, order_id, request, idempotency_key)}

    return await answer(ReplaceOrderPayload, ReplaceOrderError, ReplaceOrderErrorCode, work())
