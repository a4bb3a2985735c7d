"""Orders: placing, previewing, canceling."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.clients.types import Account
from app.identity.policy import Action, may
from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.ledger.idempotency import idempotency_key
from app.ledger.types import Cash
from app.market.calendar import calendar_of
from app.market.types import Instrument, Quote, Side, TimeInForce
from app.orders.cancel import CancelOrder, cancel
from app.orders.place import PlaceOrder, place
from app.orders.preview import Preview, preview
from app.orders.replace import ReplaceOrder, replace_orders
from app.orders.request import (
    Size,
    check_instrument,
    check_open,
    check_precision,
    check_worth,
    reference_price,
    size_of,
)
from app.orders.terms import terms_of
from app.orders.types import Group, MarketOrder, Order, OrderStatus, OrderType, Replacement, Terms, group_terms
from resolvers.context import Context
from resolvers.requests import RequestError, account_for, parse_id, parse_key, permitted


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as the API takes it."""

    account_id: str
    symbol: str
    side: Side
    amount: Decimal | None
    currency: str
    quantity: Decimal | None
    everything: bool
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What an order would do, and when."""

    instrument: Instrument
    preview: Preview
    cash: Cash
    trades_at: datetime
    window_milliseconds: int
    settles_on: date


async def find(context: Context, order_id: UUID) -> Order | None:
    """The order, if the caller may see its account."""
    order = await context.loaders.order.load(order_id)
    if order is None:
        return None
    account = await context.loaders.account.load(order.account_id)
    return order if account is not None and permitted(context, Action.VIEW_ACCOUNT, account) else None


async def dealt_as(context: Context, market_order_id: UUID) -> MarketOrder | None:
    """The market order, for operators: what is dealt for others is theirs alone to see."""
    visible = may(context.principal, Action.VIEW_DESK)
    return await context.loaders.market_order.load(market_order_id) if visible else None


async def place_order(context: Context, request: OrderRequest, key: str) -> Order:
    """Check, hold, accept; answers the order as it was accepted, or for a repeated request as it stands.

    Raises a ``Refusal``; then nothing has changed.
    """
    account = await account_for(context, request.account_id, Action.TRADE)
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), "placeOrder", _as_asked(request))
    writer = await context.services.writers.of(account.tenant_id)
    try:
        check_open(account)
        instrument, quote, size, terms = _checked(context, request)
    except Refusal:
        # A repeated request gets its first answer, whatever has become of the market since.
        accepted: Order | UUID | None = await writer.answered(idempotency)
        if accepted is None:
            raise
    else:
        command = PlaceOrder(
            account.id, account.book_id, instrument.id, request.side, size, quote, principal.actor, terms
        )
        await context.renew()  # nothing is read while waiting for the commit, so no connection is held either
        accepted = await writer.submit(place, command, idempotency)
        group = Group(account.journal_id, instrument.id, request.side, group_terms(terms))
        context.services.orders.notice(group)
    return accepted if isinstance(accepted, Order) else await _fresh(context, accepted)


async def preview_order(context: Context, request: OrderRequest) -> OrderPreview:
    """What ``place_order`` would do now, and what could refuse it. Raises a ``Refusal`` for what can't be an order."""
    account = await account_for(context, request.account_id, Action.VIEW_ACCOUNT)
    check_open(account)
    instrument, quote, size, terms = _checked(context, request)
    command = PlaceOrder(
        account.id, account.book_id, instrument.id, request.side, size, quote, context.principal.actor, terms
    )
    services = context.services
    writer, market, now = await services.writers.of(account.tenant_id), services.market, services.market.clock.now()
    cash = await context.loaders.cash.load(account.book_id)
    await context.renew()
    async with services.engine_pool.acquire() as connection:
        found = await preview(Batch(connection, writer.journal, services.clock.now(), now), command)
    if isinstance(found, Refusal):
        raise found
    calendar = calendar_of(instrument.exchange)
    return OrderPreview(
        instrument,
        found,
        cash,
        now if calendar.is_open(now) else calendar.next_open(now),
        round(services.orders.profile(instrument).window_length(now).total_seconds() * 1000),
        market.trade_dates(instrument)[1],
    )


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What to change of an order, as the API takes it; what is None stays."""

    amount: Decimal | None
    quantity: Decimal | None
    limit_price: Decimal | None
    time_in_force: TimeInForce | None
    expires_at: datetime | None


async def replace_order(context: Context, order_id: str, change: ChangeRequest, key: str) -> Order:
    """Put another order in this one's place. Raises a ``Refusal``; then nothing has changed."""
    order, account = await _own_order(context, order_id, "replace")
    principal = context.principal
    asked = {"order": str(order.id), **{name: _plain(value) for name, value in asdict(change).items()}}
    idempotency = idempotency_key(principal.actor, parse_key(key), "replaceOrder", asked)
    writer = await context.services.writers.of(account.tenant_id)
    try:
        check_open(account)
        wanted, quote = _replacement(context, order, change)
    except Refusal:
        if await writer.answered(idempotency) is None:
            raise
    else:
        await context.renew()
        await writer.submit(replace_orders, ReplaceOrder(order.id, wanted, quote), idempotency)
    return await _let_engine_know(context, order.id)


def _replacement(context: Context, order: Order, change: ChangeRequest) -> tuple[Replacement, Quote]:
    """The whole of what is wanted: the order as it is, with the changes. Raises a ``Refusal``."""
    market, terms = context.services.market, order.terms
    instrument, quote = check_instrument(
        market.instruments[order.instrument_id].symbol,
        market.instruments[order.instrument_id],
        market.quote(order.instrument_id),
    )
    size = Size(order.amount, order.quantity)
    if change.amount is not None or change.quantity is not None:
        size = size_of(order.side, change.amount, change.quantity, everything=False)
    limit = change.limit_price
    if limit is None and terms.limit_price is not None:
        limit = to_decimal(terms.limit_price)
    time_in_force = change.time_in_force or terms.time_in_force
    expires_at = change.expires_at
    if expires_at is None and time_in_force is TimeInForce.GTD and change.time_in_force is None:
        expires_at = terms.expires_at
    found = terms_of(terms.type, limit, time_in_force, expires_at, instrument, market.clock.now())
    check_precision(size, context.services.orders.profile(instrument).precision)
    check_worth(order.side, size, found.limit_price or reference_price(order.side, quote))
    return Replacement(new_id(), size.amount, size.quantity, found, context.principal.actor), quote


async def cancel_order(context: Context, order_id: str, key: str) -> Order:
    """Cancel what is not filled. Raises a ``Refusal``."""
    order, account = await _own_order(context, order_id, "cancel")
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), "cancelOrder", {"order": str(order.id)})
    writer = await context.services.writers.of(account.tenant_id)
    await context.renew()
    await writer.submit(cancel, CancelOrder(order.id, principal.actor), idempotency)
    return await _let_engine_know(context, order.id)


async def _own_order(context: Context, order_id: str, verb: str) -> tuple[Order, Account]:
    """An order that the caller may trade with. Raises a ``Refusal``."""
    id_ = parse_id(order_id, "Order", "orderId")
    order = await find(context, id_)
    if order is None:
        raise Refusal(RequestError.NOT_FOUND, f"There is no order {order_id} that you can see.", "orderId")
    account = await context.loaders.account.load(order.account_id)
    assert account is not None
    if not permitted(context, Action.TRADE, account):
        raise Refusal(RequestError.FORBIDDEN, f"You may see this order but not {verb} it; ask its owner.", "orderId")
    return order, account


async def _let_engine_know(context: Context, order_id: UUID) -> Order:
    """The order as it stands now; the engine hears of what it has to do about it."""
    order = await _fresh(context, order_id)
    engine = context.services.orders
    if order.ends_as is not None and order.market_order_id is not None and not order.status.is_final:
        engine.notice_leaving(order.market_order_id, order.journal_id, order.instrument_id)
    if order.replaced_by is not None:
        successor = await context.loaders.order.load(order.replaced_by)
        if successor is not None and successor.status is OrderStatus.ACCEPTED:
            engine.notice(successor.group)
    return order


def _checked(context: Context, request: OrderRequest) -> tuple[Instrument, Quote, Size, Terms]:
    market = context.services.market
    found = market.by_symbol(request.symbol)
    instrument, quote = check_instrument(request.symbol, found, market.quote(found.id) if found else None)
    size = size_of(request.side, request.amount, request.quantity, request.everything)
    terms = terms_of(
        request.type, request.limit_price, request.time_in_force, request.expires_at, instrument, market.clock.now()
    )
    check_precision(size, context.services.orders.profile(instrument).precision)
    check_worth(request.side, size, terms.limit_price or reference_price(request.side, quote))
    return instrument, quote, size, terms


def _plain(value: object) -> str:
    """The same text for the same value, however it was written."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _as_asked(request: OrderRequest) -> dict[str, object]:
    return {
        "account": request.account_id,
        "symbol": request.symbol.upper(),
        "side": request.side,
        "amount": None if request.amount is None else f"{request.amount.normalize():f}",
        "quantity": None if request.quantity is None else f"{request.quantity.normalize():f}",
        "all": request.everything,
        "type": request.type,
        "limit": None if request.limit_price is None else f"{request.limit_price.normalize():f}",
        "timeInForce": request.time_in_force,
        "expiresAt": None if request.expires_at is None else request.expires_at.isoformat(),
    }


async def _fresh(context: Context, order_id: UUID) -> Order:
    await context.renew()
    order = await context.loaders.order.load(order_id)
    assert order is not None, "it was committed just now"
    return order
