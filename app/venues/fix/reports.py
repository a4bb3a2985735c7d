"""What a venue's messages say, as reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import time_of
from app.venues.fix.fields import (
    DUPLICATE_CHANGE,
    DUPLICATE_ORDER,
    ExecType,
    OrdStatus,
    order_and_number,
    printable,
    units_of,
)
from app.venues.port import ENDINGS, Report, ReportKind, VenueOrder

KINDS: Final = {
    ExecType.NEW: ReportKind.NEW,
    ExecType.TRADE: ReportKind.EXECUTION,
    ExecType.TRADE_CANCEL: ReportKind.BUST,
    ExecType.TRADE_CORRECT: ReportKind.CORRECTION,
    ExecType.CANCELED: ReportKind.CANCELED,
    ExecType.REPLACED: ReportKind.REPLACED,
    ExecType.EXPIRED: ReportKind.EXPIRED,
    ExecType.REJECTED: ReportKind.REJECTED,
}
_STANDING: Final = {
    OrdStatus.NEW: ReportKind.REPLACED,
    OrdStatus.PARTIALLY_FILLED: ReportKind.REPLACED,
    OrdStatus.FILLED: ReportKind.REPLACED,
    OrdStatus.CANCELED: ReportKind.CANCELED,
    OrdStatus.EXPIRED: ReportKind.EXPIRED,
    OrdStatus.REJECTED: ReportKind.REJECTED,
}
_WITH_PRICE: Final = frozenset({ReportKind.EXECUTION, ReportKind.CORRECTION})
_WITH_ID: Final = frozenset({ReportKind.EXECUTION, ReportKind.CORRECTION, ReportKind.BUST})


def execution_report(message: Message, venue: str) -> Report | None:
    """What an ExecutionReport says; None if it says nothing that counts. Raises ``FieldError``.

    Pending states count for nothing, nor does an answer to an OrderStatusRequest, nor the refusal of an order because
    the venue has it already.
    """
    kind = KINDS.get(message[Tag.EXEC_TYPE])
    if kind is None or (kind is ReportKind.REJECTED and message.has(Tag.ORD_REJ_REASON, DUPLICATE_ORDER)):
        return None
    id_, number = order_and_number(message)
    answers = kind in (ReportKind.CANCELED, ReportKind.REPLACED) and message.get(Tag.ORIG_CL_ORD_ID) is not None
    return Report(
        venue=venue,
        client_order_id=id_,
        kind=kind,
        at=time_of(message, Tag.TRANSACT_TIME),
        execution_id=message[Tag.EXEC_ID] if kind in _WITH_ID else "",
        quantity=units_of(message, Tag.LAST_QTY) if kind in _WITH_PRICE else 0,
        price=units_of(message, Tag.LAST_PX) if kind in _WITH_PRICE else 0,
        cumulative_quantity=units_of(message, Tag.CUM_QTY),
        refers_to=message[Tag.EXEC_REF_ID] if kind in (ReportKind.BUST, ReportKind.CORRECTION) else "",
        order_quantity=units_of(message, Tag.ORDER_QTY) if kind is ReportKind.REPLACED else 0,
        number=number if answers else 0,
        reason=printable(message.get(Tag.TEXT)),
    )


def is_duplicate_change(message: Message) -> bool:
    """Whether an OrderCancelReject only says that the request came twice."""
    return message.has(Tag.CXL_REJ_REASON, DUPLICATE_CHANGE)


def refusal(request: Message, venue: str, at: datetime, executed: int, reason: str | None) -> Report | None:
    """A request of ours was refused: an order, or a change of one. Of another, there is nothing to report."""
    id_, number = order_and_number(request)
    if request.type == MsgType.NEW_ORDER_SINGLE:
        return Report(venue, id_, ReportKind.REJECTED, at, reason=reason)
    if request.type in (MsgType.ORDER_CANCEL_REQUEST, MsgType.ORDER_CANCEL_REPLACE_REQUEST):
        kind = ReportKind.CHANGE_REJECTED
        return Report(venue, id_, kind, at, cumulative_quantity=executed, number=number, reason=reason)
    return None


def standing(status: Message, order: VenueOrder, venue: str) -> Report | None:
    """What an answer to an OrderStatusRequest says that may have been missed: the end, or the last request accepted.

    None if it names neither: a pending request is named, too, and not accepted yet. Raises ``FieldError``.
    """
    id_, number = order_and_number(status)
    kind = _STANDING.get(status[Tag.ORD_STATUS])
    if kind is None or id_ != order.client_order_id or (kind is ReportKind.REPLACED and not number):
        return None
    return Report(
        venue=venue,
        client_order_id=id_,
        kind=kind,
        at=time_of(status, Tag.TRANSACT_TIME),
        cumulative_quantity=units_of(status, Tag.CUM_QTY),
        order_quantity=units_of(status, Tag.ORDER_QTY) if kind is ReportKind.REPLACED else 0,
        number=number,
        reason=printable(status.get(Tag.TEXT)),
    )


def is_told_by(told: Sequence[Report], missed: Report) -> bool:
    """Whether these tell of the order's end, or of a request as late as ``missed`` does."""
    return any(each.kind in ENDINGS or (each.kind is missed.kind and each.number >= missed.number) for each in told)


def executed_of(message: Message) -> int | None:
    """How much of the order is executed, if the message says so."""
    try:
        return units_of(message, Tag.CUM_QTY)
    except FieldError:
        return None
