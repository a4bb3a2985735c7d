"""Orders and requests as messages, and back again."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import MsgType, SessionRejectReason, Tag
from app.fix.times import time_of
from app.fix.times import to_text as time_text
from app.kernel.money import to_text
from app.market.types import Instrument, Side, TimeInForce
from app.venues.fix.fields import (
    LIMIT,
    MARKET,
    SIDES,
    TIMES_IN_FORCE,
    cl_ord_id,
    order_and_number,
    units_of,
    wrong,
)
from app.venues.port import Change, VenueOrder

_NEW_YORK = ZoneInfo("America/New_York")

Fields = dict[Tag, object]


def order_message(order: VenueOrder, symbol: str, at: datetime, *, again: bool = False) -> Message:
    """NewOrderSingle; ``at`` is market time. ``again``: it may have been sent under another number before."""
    fields: Fields = {Tag.CL_ORD_ID: cl_ord_id(order.client_order_id), Tag.POSS_RESEND: "Y" if again else None}
    return Message.of(MsgType.NEW_ORDER_SINGLE, {**fields, **_terms(order, symbol, at)})


def change_message(change: Change, symbol: str, at: datetime, *, again: bool = False) -> Message:
    """OrderCancelRequest, or OrderCancelReplaceRequest with the whole order as it shall be."""
    order = change.order
    fields: Fields = {
        Tag.CL_ORD_ID: cl_ord_id(order.client_order_id, change.number),
        Tag.ORIG_CL_ORD_ID: cl_ord_id(order.client_order_id, change.replaces),
        Tag.POSS_RESEND: "Y" if again else None,
    }
    if change.quantity is None:
        fields |= _subject(order, symbol) | {Tag.TRANSACT_TIME: time_text(at), Tag.ORDER_QTY: to_text(order.quantity)}
        return Message.of(MsgType.ORDER_CANCEL_REQUEST, fields)
    fields |= _terms(order, symbol, at) | {Tag.ORDER_QTY: to_text(change.quantity)}
    return Message.of(MsgType.ORDER_CANCEL_REPLACE_REQUEST, fields)


def status_message(order: VenueOrder, symbol: str, request_id: str) -> Message:
    """OrderStatusRequest; the answer names ``request_id``."""
    fields: Fields = {Tag.CL_ORD_ID: cl_ord_id(order.client_order_id), Tag.ORD_STATUS_REQ_ID: request_id}
    return Message.of(MsgType.ORDER_STATUS_REQUEST, fields | _subject(order, symbol))


def order_of(message: Message, by_symbol: Mapping[str, Instrument]) -> VenueOrder:
    """The order in a NewOrderSingle. Raises ``FieldError``, saying what is missing or not understood."""
    instrument = by_symbol.get(message[Tag.SYMBOL])
    if instrument is None:
        raise wrong(message, Tag.SYMBOL, "a symbol known here")
    id_, number = order_and_number(message)
    if number:
        raise wrong(message, Tag.CL_ORD_ID, "an order's id: the dot and the number are for changes")
    return VenueOrder(
        id_,
        instrument.id,
        _side(message),
        units_of(message, Tag.ORDER_QTY),
        _limit(message),
        _time_in_force(message),
        _expires_at(message),
    )


def change_of(message: Message, order: VenueOrder) -> Change:
    """The request about ``order`` in an OrderCancelRequest or OrderCancelReplaceRequest. Raises ``FieldError``."""
    id_, number = order_and_number(message)
    original, replaces = order_and_number(message, Tag.ORIG_CL_ORD_ID)
    if number == 0 or original != id_:
        raise wrong(message, Tag.ORIG_CL_ORD_ID, "the order that ClOrdID (11) changes")
    quantity = None if message.type == MsgType.ORDER_CANCEL_REQUEST else units_of(message, Tag.ORDER_QTY)
    return Change(order, number, replaces, quantity)


def order_id_of(message: Message) -> UUID:
    """The order that a message is about. Raises ``FieldError``."""
    return order_and_number(message)[0]


def _subject(order: VenueOrder, symbol: str) -> Fields:
    return {Tag.SYMBOL: symbol, Tag.SIDE: SIDES[order.side]}


def _terms(order: VenueOrder, symbol: str, at: datetime) -> Fields:
    return {
        Tag.HANDL_INST: 1,
        **_subject(order, symbol),
        Tag.TRANSACT_TIME: time_text(at),
        Tag.ORDER_QTY: to_text(order.quantity),
        Tag.ORD_TYPE: MARKET if order.limit_price is None else LIMIT,
        Tag.PRICE: None if order.limit_price is None else to_text(order.limit_price),
        Tag.TIME_IN_FORCE: TIMES_IN_FORCE[order.time_in_force],
        Tag.EXPIRE_TIME: None if order.expires_at is None else time_text(order.expires_at),
    }


def _side(message: Message) -> Side:
    found = next((side for side, code in SIDES.items() if message.has(Tag.SIDE, code)), None)
    if found is None:
        raise wrong(message, Tag.SIDE, "a side dealt here (1 buy, 2 sell)")
    return found


def _limit(message: Message) -> int | None:
    if message[Tag.ORD_TYPE] == MARKET:
        return None
    if message[Tag.ORD_TYPE] != LIMIT:
        raise wrong(message, Tag.ORD_TYPE, "an order type dealt here (1 market, 2 limit)")
    return units_of(message, Tag.PRICE)


def _time_in_force(message: Message) -> TimeInForce:
    if message.get(Tag.TIME_IN_FORCE) is None:
        return TimeInForce.DAY
    found = next((each for each, code in TIMES_IN_FORCE.items() if message.has(Tag.TIME_IN_FORCE, code)), None)
    if found is None:
        raise wrong(message, Tag.TIME_IN_FORCE, "a time in force known here (0 day, 1 GTC, 6 GTD)")
    return found


def _expires_at(message: Message) -> datetime | None:
    """ExpireTime, or the end of ExpireDate, which is a date where the market is."""
    if _time_in_force(message) is not TimeInForce.GTD:
        return None
    if message.get(Tag.EXPIRE_TIME) is not None:
        return time_of(message, Tag.EXPIRE_TIME)
    if message.get(Tag.EXPIRE_DATE) is None:
        text = "a GTD order says when it expires: ExpireTime (126) or ExpireDate (432)"
        raise FieldError(SessionRejectReason.REQUIRED_TAG_MISSING, int(Tag.EXPIRE_TIME), text)
    try:
        day = datetime.strptime(message[Tag.EXPIRE_DATE], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise wrong(message, Tag.EXPIRE_DATE, "a date such as 20261127") from None
    return datetime.combine(day + timedelta(days=1), time(), _NEW_YORK).astimezone(UTC)
