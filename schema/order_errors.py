"""Why orders are not accepted, replaced or canceled."""

from typing import Any

import strawberry

from schema.errors import codes
from schema.shortage import Shortage

#: Why the controls before the trade let an order not through.
_CONTROLS = {
    "KILL_SWITCH_ENGAGED": "All orders of the account, the instrument or of everybody are stopped.",
    "TRADING_HALTED": "Trading in the instrument is halted.",
    "INSTRUMENT_RESTRICTED": "The instrument may not be bought; what is held may be sold.",
    "ACCOUNT_RESTRICTED": "The account may not buy; it may sell what it holds.",
    "QUOTE_STALE": "The quote is too old to trade on.",
    "PRICE_OUTSIDE_COLLAR": "The limit is too far from the market, or the market too wide.",
    "ORDER_TOO_LARGE": "The order is larger than a rule allows.",
    "RATE_EXCEEDED": "Too many orders within a minute.",
    "DAILY_VALUE_EXCEEDED": "The orders of the day would be worth more than a rule allows.",
    "SETTLED_CASH_ONLY": "The account buys with settled cash only, and has too little of it.",
}

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
        **_CONTROLS,
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
        **_CONTROLS,
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
    shortage: Shortage | None = strawberry.field(default=None, description="By how much it fell short, if that is why.")


@strawberry.type(description="Why an order was not replaced.")
class ReplaceOrderError:
    code: Any = strawberry.field(graphql_type=ReplaceOrderErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")
    shortage: Shortage | None = strawberry.field(default=None, description="By how much it fell short, if that is why.")


@strawberry.type(description="Why an order was not canceled.")
class CancelOrderError:
    code: Any = strawberry.field(graphql_type=CancelOrderErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")
