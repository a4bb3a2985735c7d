"""The terms of an order checked: its limit, and how long it stands."""

from datetime import datetime, timedelta
from decimal import Decimal

from app.kernel.errors import Refusal
from app.kernel.money import CENT, UNIT, to_text, to_units
from app.market.calendar import calendar_of
from app.market.types import Instrument, TimeInForce
from app.orders.errors import PlaceOrderError
from app.orders.types import MAX_ORDER, OrderType, Terms

#: A GTD order may stand this long at most.
LONGEST = timedelta(days=90)


def terms_of(
    type_: OrderType,
    limit_price: Decimal | None,
    time_in_force: TimeInForce,
    expires_at: datetime | None,
    instrument: Instrument,
    now: datetime,
) -> Terms:
    """The terms asked for; ``now`` and ``expires_at`` are market time. Raises a ``Refusal``.

    A DAY order stands until the session closes in which it can first be dealt.
    """
    limit = _limit(type_, limit_price)
    if type_ is OrderType.MARKET and time_in_force is not TimeInForce.DAY:
        raise Refusal(
            PlaceOrderError.TIME_IN_FORCE_NOT_ALLOWED,
            f"A market order is dealt at once, so it is for the day, not {time_in_force}; name a limit price.",
            "timeInForce",
        )
    if (expires_at is not None) != (time_in_force is TimeInForce.GTD):
        raise Refusal(
            PlaceOrderError.EXPIRY_INVALID,
            "Give expiresAt with GTD, and with nothing else.",
            "expiresAt",
        )
    if expires_at is not None and expires_at.tzinfo is None:
        raise Refusal(
            PlaceOrderError.EXPIRY_INVALID,
            f"{expires_at.isoformat()} names no time zone; add one, such as Z.",
            "expiresAt",
        )
    if expires_at is not None and not now < expires_at <= now + LONGEST:
        raise Refusal(
            PlaceOrderError.EXPIRY_INVALID,
            f"{expires_at.isoformat()} is not between now ({now.isoformat()} on the market's clock) and"
            f" {LONGEST.days} days from now.",
            "expiresAt",
        )
    if time_in_force is TimeInForce.DAY:
        calendar = calendar_of(instrument.exchange)
        expires_at = calendar.session_bounds(calendar.session_of(now))[1]
    return Terms(type_, limit, time_in_force, expires_at)


def _limit(type_: OrderType, price: Decimal | None) -> int | None:
    if type_ is OrderType.MARKET:
        if price is not None:
            raise Refusal(
                PlaceOrderError.LIMIT_PRICE_NOT_ALLOWED,
                "A market order takes the market's price; leave limitPrice out, or make it a LIMIT order.",
                "limitPrice",
            )
        return None
    if price is None:
        raise Refusal(PlaceOrderError.LIMIT_PRICE_REQUIRED, "A LIMIT order needs a limitPrice.", "limitPrice")
    tick = CENT if price >= 1 else CENT // 100
    # Sub-penny rule: SEC Rule 612 of Regulation NMS
    if not price.is_finite() or price <= 0 or price.scaleb(8) > MAX_ORDER or (price.scaleb(8) % tick):
        raise Refusal(
            PlaceOrderError.LIMIT_PRICE_INVALID,
            f"A limit price is more than zero and a multiple of {to_text(tick)} (below $1 of 0.0001), got {price:f}.",
            "limitPrice",
        )
    units = to_units(price)
    assert units < MAX_ORDER * UNIT
    return units
