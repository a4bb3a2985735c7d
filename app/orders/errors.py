"""Why orders are declined."""

from enum import StrEnum

from app.kernel.errors import Refusal
from app.kernel.money import to_text
from app.ledger.types import RefusalReason, Refused
from app.market.types import Side


class PlaceOrderError(StrEnum):
    """Why an order was not accepted."""

    SIZE_REQUIRED = "SIZE_REQUIRED"
    SIZE_NOT_POSITIVE = "SIZE_NOT_POSITIVE"
    SIZE_TOO_PRECISE = "SIZE_TOO_PRECISE"
    SIZE_BELOW_MINIMUM = "SIZE_BELOW_MINIMUM"
    SIZE_TOO_LARGE = "SIZE_TOO_LARGE"
    INSTRUMENT_UNKNOWN = "INSTRUMENT_UNKNOWN"
    INSTRUMENT_NOT_TRADABLE = "INSTRUMENT_NOT_TRADABLE"
    QUOTE_UNAVAILABLE = "QUOTE_UNAVAILABLE"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    INSUFFICIENT_SHARES = "INSUFFICIENT_SHARES"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    LIMIT_PRICE_REQUIRED = "LIMIT_PRICE_REQUIRED"
    LIMIT_PRICE_NOT_ALLOWED = "LIMIT_PRICE_NOT_ALLOWED"
    LIMIT_PRICE_INVALID = "LIMIT_PRICE_INVALID"
    TIME_IN_FORCE_NOT_ALLOWED = "TIME_IN_FORCE_NOT_ALLOWED"
    EXPIRY_INVALID = "EXPIRY_INVALID"


class ReplaceOrderError(StrEnum):
    """Why an order was not replaced, beside what would refuse the new order by itself."""

    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    ALREADY_FINAL = "ALREADY_FINAL"
    ALREADY_PENDING = "ALREADY_PENDING"
    SIZE_KIND_CHANGED = "SIZE_KIND_CHANGED"
    BELOW_FILLED = "BELOW_FILLED"


class CancelOrderError(StrEnum):
    """Why an order was not canceled."""

    ALREADY_FINAL = "ALREADY_FINAL"
    ALREADY_PENDING = "ALREADY_PENDING"


def declined(side: Side, needed: int, verdict: Refused) -> Refusal:
    """The ledger's refusal of a hold, in the customer's words."""
    if verdict.reason is RefusalReason.CLOSED:
        return Refusal(PlaceOrderError.ACCOUNT_CLOSED, "The account is closed; use another one.", "accountId")
    available = to_text(needed - verdict.shortage)
    if side is Side.BUY:
        return Refusal(
            PlaceOrderError.INSUFFICIENT_FUNDS,
            f"The order needs {to_text(needed)} USD and {available} is available; deposit the rest or order less.",
        )
    return Refusal(
        PlaceOrderError.INSUFFICIENT_SHARES,
        f"The order needs {to_text(needed)} shares and {available} are available; sell less, or all of them.",
    )
