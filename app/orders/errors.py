"""Why orders are declined."""

from enum import StrEnum

from app.kernel.errors import Refusal, Shortage
from app.kernel.money import to_text
from app.ledger.chart import USD
from app.ledger.types import RefusalReason, Refused
from app.market.types import Side
from app.orders.types import Order


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


def declined(draft: Order, verdict: Refused) -> Refusal:
    """The ledger's refusal of what the draft was to hold, in the customer's words."""
    if verdict.reason is RefusalReason.CLOSED:
        return Refusal(PlaceOrderError.ACCOUNT_CLOSED, "The account is closed; use another one.", "accountId")
    needed, available = to_text(draft.held), to_text(draft.held - verdict.shortage)
    if draft.side is Side.BUY:
        return Refusal(
            PlaceOrderError.INSUFFICIENT_FUNDS,
            f"The order needs {needed} USD and {available} is available; deposit the rest or order less.",
            shortage=shortage_of(draft, verdict),
        )
    return Refusal(
        PlaceOrderError.INSUFFICIENT_SHARES,
        f"The order needs {needed} shares and {available} are available; sell less, or all of them.",
        shortage=shortage_of(draft, verdict),
    )


def shortage_of(draft: Order, verdict: Refused) -> Shortage:
    """By how much the account fell short of what the draft was to hold."""
    asset = USD if draft.side is Side.BUY else draft.instrument_id
    return Shortage(draft.book_id, asset, draft.held, draft.held - verdict.shortage)
