"""Orders and what becomes of them."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import strawberry

from app.kernel import events
from app.kernel.money import parse, to_units
from app.market import types as market
from app.orders import reads
from app.orders import types as orders
from resolvers import accounts as resolve_accounts
from resolvers import journal as resolve_journal
from resolvers import market as resolve_market
from resolvers import orders as resolve
from resolvers.ids import encode_cursor, encode_id
from schema.errors import answer, codes
from schema.market import Instrument
from schema.money import Money, MoneyInput, dollars
from schema.relay import Info, Node
from schema.scalars import Decimal

if TYPE_CHECKING:
    from schema.accounts import Account, CashBalances

Side: TypeAlias = market.Side
strawberry.enum(Side, name="OrderSide", description="Which way an order goes.")
OrderStatus: TypeAlias = orders.OrderStatus
strawberry.enum(OrderStatus, description="Where an order stands.")
Capacity: TypeAlias = orders.Capacity
strawberry.enum(
    Capacity, description="In which role the firm dealt; MIXED where the house took or gave the part of a share."
)

Order_ = strawberry.Parent[orders.Order]


def _order_id(root: Order_) -> strawberry.ID:
    return strawberry.ID(encode_id("Order", root.id))


async def _account(root: Order_, info: Info) -> Any:
    return await resolve_accounts.find(info.context, root.account_id)


def _instrument(root: Order_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.instrument_id)


def _amount(root: Order_) -> Any:
    return dollars(root.amount)


def _filled_amount(root: Order_) -> Any:
    return dollars(root.filled_amount)


def _average_price(root: Order_) -> Any:
    return dollars(root.average_price)


async def _executions(root: Order_, info: Info) -> Any:
    return [] if root.market_order_id is None else await info.context.loaders.executions.load(root.market_order_id)


async def _capacity(root: Order_, info: Info) -> Any:
    found = root.market_order_id and await info.context.loaders.market_order.load(root.market_order_id)
    return found.capacity if found else None


async def _settles_on(root: Order_, info: Info) -> datetime.date | None:
    found = root.market_order_id and await info.context.loaders.market_order.load(root.market_order_id)
    return found.settles_on if found else None


def _price(root: strawberry.Parent[reads.Execution]) -> Any:
    return dollars(root.price)


@strawberry.type(description="A deal in the market. It may be shared by many customers at one average price.")
class Execution:
    venue: str = strawberry.field(description="Where it was dealt; `house` if the firm itself was the counterparty.")
    quantity: Decimal = strawberry.field(description="How many were dealt for everybody together.")
    price: Money = strawberry.field(resolver=_price, description="At which price each.")
    executed_at: datetime.datetime = strawberry.field(description="When, on the market's clock.")


@strawberry.type(description="An order of one account.")
class Order(Node):
    id: strawberry.ID = strawberry.field(resolver=_order_id, description="Opaque and stable.")
    account: Annotated["Account", strawberry.lazy("schema.accounts")] | None = strawberry.field(
        resolver=_account, description="Whose it is."
    )
    instrument: Instrument = strawberry.field(resolver=_instrument, description="What is bought or sold.")
    side: Side = strawberry.field(description="Which way it goes.")
    amount: Money | None = strawberry.field(resolver=_amount, description="The dollars named, if it is by amount.")
    quantity: Decimal | None = strawberry.field(description="The quantity named, if it is by quantity.")
    sell_all: bool = strawberry.field(name="all", description="Whether everything was to be sold.")
    status: OrderStatus = strawberry.field(description="Where it stands.")
    filled_quantity: Decimal = strawberry.field(description="How many were bought or sold so far.")
    filled_amount: Money = strawberry.field(resolver=_filled_amount, description="For how much in all.")
    average_price: Money | None = strawberry.field(
        resolver=_average_price, description="For how much each on average; null before the first fill."
    )
    capacity: Capacity | None = strawberry.field(
        resolver=_capacity, description="In which role the firm dealt; null before it is dealt."
    )
    executions: list[Execution] = strawberry.field(
        resolver=_executions, description="The deals in the market that this order had a part in."
    )
    settles_on: datetime.date | None = strawberry.field(
        resolver=_settles_on, description="When shares and money change hands; null before it is dealt."
    )
    reason: str | None = strawberry.field(description="Why it was rejected, or why the rest was not filled.")
    placed_at: datetime.datetime = strawberry.field(description="When it was accepted.")
    ended_at: datetime.datetime | None = strawberry.field(description="When it came to its end.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, orders.Order)


Event_ = strawberry.Parent[events.Event]
EventType: TypeAlias = events.EventType
strawberry.enum(EventType, description="What happened.")


def units_in(event: events.Event, name: str) -> int | None:
    """A figure in an event's data, in units."""
    text = event.data.get(name)
    return None if text is None else to_units(parse(text))


def figure(name: str) -> Any:
    """A resolver for a quantity in an event's data."""

    def resolver(root: Event_) -> Any:
        return units_in(root, name)

    return resolver


def dollars_in(name: str) -> Any:
    """A resolver for an amount in an event's data."""

    def resolver(root: Event_) -> Any:
        return dollars(units_in(root, name))

    return resolver


def _event_cursor(root: Event_) -> str:
    return encode_cursor(root.sequence)


async def _event_order(root: Event_, info: Info) -> Any:
    return await resolve_journal.order_of(info.context, root)


def _event_reason(root: Event_) -> str | None:
    return root.data.get("reason")


@strawberry.type(description="A change of an order's state.")
class OrderEvent:
    cursor: str = strawberry.field(resolver=_event_cursor, description="Pass it as `after` to go on from here.")
    type: EventType = strawberry.field(description="What happened.")
    order: Order = strawberry.field(resolver=_event_order, description="The order as it stands now.")
    last_quantity: Decimal | None = strawberry.field(
        resolver=figure("last_quantity"), description="How many this event filled; null when the order is accepted."
    )
    last_amount: Money | None = strawberry.field(
        resolver=dollars_in("last_amount"), description="For how much; null when the order is accepted."
    )
    cumulative_quantity: Decimal | None = strawberry.field(
        resolver=figure("cumulative_quantity"), description="How many are filled in all; null when it is accepted."
    )
    cumulative_amount: Money | None = strawberry.field(
        resolver=dollars_in("cumulative_amount"), description="For how much in all; null when it is accepted."
    )
    reason: str | None = strawberry.field(resolver=_event_reason, description="Why it ended, where there is a reason.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    effective_at: datetime.datetime = strawberry.field(description="When it took effect, on the market's clock.")


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
    )


Key = Annotated[
    str,
    strawberry.argument(
        description="A UUID of your making: the same key with the same input gets the first answer again."
    ),
]


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
