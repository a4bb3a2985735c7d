"""How our values stand in FIX fields."""

from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import SessionRejectReason, Tag
from app.kernel.money import SCALE, parse, to_units
from app.market.types import Side, TimeInForce

SIDES: Final = {Side.BUY: "1", Side.SELL: "2"}
TIMES_IN_FORCE: Final = {TimeInForce.DAY: "0", TimeInForce.GTC: "1", TimeInForce.GTD: "6"}
MARKET: Final = "1"
LIMIT: Final = "2"

_QUANTUM: Final = Decimal(1).scaleb(-SCALE)


class ExecType:
    """What an ExecutionReport tells of (field 150)."""

    NEW: Final = "0"
    CANCELED: Final = "4"
    REPLACED: Final = "5"
    REJECTED: Final = "8"
    EXPIRED: Final = "C"
    TRADE: Final = "F"
    TRADE_CORRECT: Final = "G"
    TRADE_CANCEL: Final = "H"
    ORDER_STATUS: Final = "I"


class OrdStatus:
    """Where an order stands (field 39)."""

    NEW: Final = "0"
    PARTIALLY_FILLED: Final = "1"
    FILLED: Final = "2"
    CANCELED: Final = "4"
    REJECTED: Final = "8"
    PENDING_NEW: Final = "A"
    EXPIRED: Final = "C"


#: OrdRejReason (103) and CxlRejReason (102).
UNKNOWN_ORDER: Final = "5"
DUPLICATE_ORDER: Final = "6"
OTHER: Final = "99"
CHANGE_OF_UNKNOWN_ORDER: Final = "1"
CHANGE_TOO_LATE: Final = "0"
DUPLICATE_CHANGE: Final = "6"
#: BusinessRejectReason (380).
UNSUPPORTED_TYPE: Final = "3"
CONDITIONALLY_REQUIRED: Final = "5"


def units_of(message: Message, tag: Tag) -> int:
    """An amount in units of 1e-8; a ninth decimal is cut off. Raises ``FieldError`` if it is missing or no number."""
    try:
        return to_units(parse(message[tag]).quantize(_QUANTUM, rounding=ROUND_DOWN))
    except ArithmeticError:
        raise wrong(message, tag, "an amount") from None
    except FieldError:
        raise
    except ValueError:
        raise wrong(message, tag, "an amount") from None


def cl_ord_id(order: UUID, number: int = 0) -> str:
    """What an order (0), or the numbered request about it, is called: nothing need be remembered to read it back."""
    return f"{order.hex}.{number}" if number else order.hex


def order_and_number(message: Message, tag: Tag = Tag.CL_ORD_ID) -> tuple[UUID, int]:
    """The order that a ClOrdID belongs to, and the number of the request. Raises ``FieldError`` for a stranger's."""
    name, dot, number = message[tag].partition(".")
    try:
        id_ = UUID(hex=name)
        if id_.hex != name or (dot and not (number.isascii() and number.isdigit())):
            raise ValueError
        return id_, int(number or 0)
    except ValueError:
        raise wrong(
            message, tag, "an order's id (32 hexadecimal digits), with a dot and a number for a change"
        ) from None


def wrong(message: Message, tag: Tag, wanted: str) -> FieldError:
    """The complaint that a field doesn't say what it should."""
    text = f"field {int(tag)} is {message[tag][:40]!r}, which is not {wanted}"
    return FieldError(SessionRejectReason.VALUE_IS_INCORRECT, int(tag), text)


def printable(text: str | None) -> str | None:
    """Free text as a field can carry it."""
    cleaned = "".join(character if character.isprintable() else "?" for character in text or "")[:400]
    return cleaned or None
