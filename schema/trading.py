"""Trading: previewing, placing, replacing and canceling orders."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.market.types import Side, TimeInForce
from app.orders.types import OrderType
from resolvers import orders as resolve
from schema.errors import answer, codes
from schema.keys import Key
from schema.market import Instrument
from schema.money import Money, MoneyInput, dollars
from schema.orders import Order
from schema.relay import Info
from schema.scalars import Decimal

if TYPE_CHECKING:
    from schema.accounts import CashBalances

PlaceOrderErrorCode = codes(
    "PlaceOrderErrorCode",
    "an order was not accepted",
    {
        "SIZE_REQUIRED": "Exactly one of amount, quantity and all must be given; all is for sells.",
        "SIZE_NOT_POSITIVE": "The amount or quantity is zero or less.",
        "SIZE_TOO_PRECISE": "The amount has a part of a cent, or the quantity a ninth decimal.",
        "SIZE_BELOW_MINIMUM": "The order is worth less than $5.00.",
        "SIZE_TOO_LARGE": "The order is larger than one order may be.",
        "INSTRUMENT_UNKNOWN": "There is no instrument of that symbol.",
        "INSTRUMENT_NOT_TRADABLE": "The instrument can be watched but not traded.",
        "QUOTE_UNAVAILABLE": "The instrument has no price now.",
        "INSUFFICIENT_FUNDS": "The account has not enough buying power.",
        "INSUFFICIENT_SHARES": "The account has not enough of the instrument.",
        "ACCOUNT_CLOSED": "The account is closed.",
        "LIMIT_PRICE_REQUIRED": "A LIMIT order names no limit price.",
        "LIMIT_PRICE_NOT_ALLOWED": "A MARKET order names a limit price.",
        "LIMIT_PRICE_INVALID": "The limit price is not positive, or not a multiple of a cent (below $1 of 0.0001).",
        "TIME_IN_FORCE_NOT_ALLOWED": "A MARKET order is for the day only.",
        "EXPIRY_INVALID": "An expiry belongs to GTD alone, lies ahead, and within 90 days.",
    },
)

ReplaceOrderErrorCode = codes(
    "ReplaceOrderErrorCode",
    "an order was not replaced",
    {
        "NOTHING_TO_CHANGE": "The order is like that already.",
        "ALREADY_FINAL": "The order has ended already.",
        "ALREADY_PENDING": "The order is being canceled or replaced already.",
        "SIZE_KIND_CHANGED": "An order by amount can't become one by quantity, nor the other way round.",
        "BELOW_FILLED": "As much as that is filled already.",
        "SIZE_NOT_POSITIVE": "The amount or quantity is zero or less.",
        "SIZE_TOO_PRECISE": "The amount has a part of a cent, or the quantity a ninth decimal.",
        "SIZE_BELOW_MINIMUM": "The order is worth less than $5.00.",
        "SIZE_TOO_LARGE": "The order is larger than one order may be.",
        "QUOTE_UNAVAILABLE": "The instrument has no price now.",
        "INSTRUMENT_UNKNOWN": "There is no instrument of that symbol any more.",
        "INSTRUMENT_NOT_TRADABLE": "The instrument can be watched but not traded.",
        "INSUFFICIENT_FUNDS": "The account has not enough buying power for the larger order.",
        "INSUFFICIENT_SHARES": "The account has not enough of the instrument.",
        "ACCOUNT_CLOSED": "The account is closed.",
        "SIZE_REQUIRED": "Not both amount and quantity can be given.",
        "LIMIT_PRICE_REQUIRED": "A LIMIT order needs a limit price.",
        "LIMIT_PRICE_NOT_ALLOWED": "A MARKET order takes no limit price.",
        "LIMIT_PRICE_INVALID": "The limit price is not positive, or not a multiple of a cent (below $1 of 0.0001).",
        "TIME_IN_FORCE_NOT_ALLOWED": "A MARKET order is for the day only.",
        "EXPIRY_INVALID": "An expiry belongs to GTD alone, lies ahead, and within 90 days.",
    },
)

CancelOrderErrorCode = codes(
    "CancelOrderErrorCode",
    "an order was not canceled",
    {
        "ALREADY_FINAL": "The order is filled, canceled or rejected already.",
        "ALREADY_PENDING": "The order is being canceled already.",
    },
)


@strawberry.type(description="Why an order was not accepted.")
class PlaceOrderError:
    code: Any = strawberry.field(graphql_type=PlaceOrderErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="Why an order was not replaced.")
class ReplaceOrderError:
    code: Any = strawberry.field(graphql_type=ReplaceOrderErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="Why an order was not canceled.")
class CancelOrderError:
    code: Any = strawberry.field(graphql_type=CancelOrderErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


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


Preview_ = strawberry.Parent[resolve.Preview]


def _preview_price(root: Preview_) -> Any:
    return dollars(root.price)


def _preview_amount(root: Preview_) -> Any:
    return dollars(root.amount)


def _preview_enough(root: Preview_) -> bool:
    available = root.cash.buying_power if root.side is Side.BUY else root.shares_available
    return 0 < root.hold <= available


@strawberry.type(description="What an order would do at the prices of this moment. Nothing is promised.")
class OrderPreview:
    instrument: Instrument = strawberry.field(description="What would be bought or sold.")
    price: Money = strawberry.field(resolver=_preview_price, description="The price it would trade at.")
    quantity: Decimal = strawberry.field(description="How many that makes.")
    amount: Money = strawberry.field(resolver=_preview_amount, description="How much money that makes.")
    hold: Decimal = strawberry.field(description="What would be held: dollars of a buy, shares of a sell.")
    sufficient: bool = strawberry.field(resolver=_preview_enough, description="Whether the account has that.")
    cash: Annotated["CashBalances", strawberry.lazy("schema.accounts")] = strawberry.field(
        description="The account's dollars by kind, before the order."
    )
    trades_at: datetime.datetime = strawberry.field(description="When it would trade, on the market's clock.")
    window_milliseconds: int = strawberry.field(description="How long it would wait for others to join it.")
    settles_on: datetime.date = strawberry.field(description="When it would settle.")


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
