"""What may be asked for: an order's size checked and priced before it goes anywhere near the ledger."""

from dataclasses import dataclass
from decimal import Decimal

from app.clients.types import Account, AccountStatus
from app.kernel.errors import Refusal
from app.kernel.money import CENT, SCALE, UNIT, divide_half_up, multiply, ratio, to_text, to_units
from app.market.types import Instrument, Quote, Side
from app.orders.errors import PlaceOrderError
from app.orders.types import HOLD_DENOMINATOR, HOLD_NUMERATOR, MAX_ORDER, MIN_BUY, Order, OrderType
from app.venues.profile import Precision


@dataclass(frozen=True, slots=True)
class Size:
    """How much: dollars, or units of the instrument, or (of a sell) everything."""

    amount: int | None = None
    quantity: int | None = None
    everything: bool = False


def size_of(side: Side, amount: Decimal | None, quantity: Decimal | None, everything: bool) -> Size:
    """The one size named. Raises a ``Refusal`` unless it is exactly one, positive, precise and small enough."""
    if (amount is not None) + (quantity is not None) + everything != 1 or (everything and side is Side.BUY):
        raise Refusal(
            PlaceOrderError.SIZE_REQUIRED,
            "Give exactly one of amount, quantity or (to sell everything) all: true.",
            "amount",
        )
    if amount is not None:
        units = _units(amount, "amount")
        if units % CENT:
            raise Refusal(
                PlaceOrderError.SIZE_TOO_PRECISE,
                f"Dollars are in whole cents; {amount} has a part of one.",
                "amount",
            )
        if units < MIN_BUY:
            raise _below_minimum(units, "amount")
        return Size(amount=units)
    return Size(everything=True) if quantity is None else Size(quantity=_units(quantity, "quantity"))


def check_open(account: Account) -> None:
    """Raises a ``Refusal`` for a closed account."""
    if account.status is AccountStatus.CLOSED:
        raise Refusal(PlaceOrderError.ACCOUNT_CLOSED, "The account is closed; use another one.", "accountId")


def check_instrument(symbol: str, instrument: Instrument | None, quote: Quote | None) -> tuple[Instrument, Quote]:
    """The instrument and its quote. Raises a ``Refusal`` if it is unknown, can't be traded or isn't quoted now."""
    if instrument is None:
        raise Refusal(
            PlaceOrderError.INSTRUMENT_UNKNOWN,
            f"There is no instrument {symbol[:20]!r}; search instruments for its symbol.",
            "symbol",
        )
    if not instrument.tradable:
        raise Refusal(PlaceOrderError.INSTRUMENT_NOT_TRADABLE, f"{symbol} can be watched but not traded.", "symbol")
    if quote is None:
        raise Refusal(PlaceOrderError.QUOTE_UNAVAILABLE, f"{symbol} has no quote now; try again shortly.", "symbol")
    return instrument, quote


def reference_price(side: Side, quote: Quote) -> int:
    """What an order of that side would trade at now."""
    return quote.ask if side is Side.BUY else quote.bid


def check_precision(size: Size, precision: Precision) -> None:
    """Raises a ``Refusal`` for a quantity with more decimals than the venue takes."""
    if size.quantity is not None and size.quantity % precision.step:
        raise Refusal(
            PlaceOrderError.SIZE_TOO_PRECISE,
            f"The quantity may have {precision.scale} decimals there, got {to_text(size.quantity)}; round it.",
            "quantity",
        )


def check_worth(side: Side, size: Size, price: int) -> None:
    """Raises a ``Refusal`` if an order by quantity is worth too much, or a buy too little."""
    if size.quantity is None:
        return
    worth = multiply(size.quantity, price)
    if worth > MAX_ORDER:
        raise _too_large(worth, "quantity")
    if side is Side.BUY and worth < MIN_BUY:
        raise _below_minimum(worth, "quantity")


def dollars_to_hold(size: Size, price: int, type_: OrderType = OrderType.MARKET) -> int:
    """What a buy holds: the amount named, or the quantity at its limit (else the quote × 1.05), up to the next cent."""
    if size.amount is not None:
        return size.amount
    assert size.quantity is not None
    numerator, denominator = (1, 1) if type_ is OrderType.LIMIT else (HOLD_NUMERATOR, HOLD_DENOMINATOR)
    return -(-size.quantity * price * numerator // (UNIT * denominator * CENT)) * CENT


def shares_to_hold(size: Size, price: int, available: int) -> int:
    """What a sell holds: its quantity; everything; or for an amount its shares × 1.05, as far as there are so many."""
    if size.everything:
        return available
    if size.quantity is not None:
        return size.quantity
    assert size.amount is not None
    needed = ratio(size.amount, price)
    return max(needed, min(available, divide_half_up(needed * HOLD_NUMERATOR, HOLD_DENOMINATOR)))


def rest_to_hold(order: Order) -> int:
    """What has to stay held behind the part of an open order that is not filled."""
    if order.side is Side.SELL:
        return order.held if order.quantity is None else order.quantity - order.filled_quantity
    price = order.terms.limit_price or order.reference_price
    if order.amount is not None:
        return order.amount - order.filled_amount
    assert order.quantity is not None
    return dollars_to_hold(Size(quantity=order.quantity - order.filled_quantity), price, order.terms.type)


def _units(value: Decimal, path: str) -> int:
    if not value.is_finite() or value <= 0:
        raise Refusal(PlaceOrderError.SIZE_NOT_POSITIVE, f"The {path} must be more than zero, got {value:f}.", path)
    if value > Decimal(MAX_ORDER).scaleb(-SCALE):
        raise _too_large(None, path)
    try:
        return to_units(value)
    except ValueError:
        raise Refusal(
            PlaceOrderError.SIZE_TOO_PRECISE,
            f"The {path} may have {SCALE} decimals, got {value:f}; round it.",
            path,
        ) from None


def _below_minimum(units: int, path: str) -> Refusal:
    return Refusal(
        PlaceOrderError.SIZE_BELOW_MINIMUM,
        f"An order must be worth {to_text(MIN_BUY)} USD at least, this one is worth {to_text(units)}; order more"
        + (", or sell all." if path == "amount" else "."),
        path,
    )


def _too_large(units: int | None, path: str) -> Refusal:
    worth = "" if units is None else f", this one is worth {to_text(units)}"
    return Refusal(
        PlaceOrderError.SIZE_TOO_LARGE,
        f"One order may be for {to_text(MAX_ORDER)} at most{worth}; split it.",
        path,
    )
