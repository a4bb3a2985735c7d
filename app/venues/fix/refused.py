"""What a refusal is about: it names a message of ours, which the journal still has."""

from typing import Final

import structlog

from app.fix.journal import Journal
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import time_of
from app.fix.types import Delivery, Direction
from app.venues.fix.fields import printable
from app.venues.fix.reports import executed_of, refusal
from app.venues.port import Report

log = structlog.get_logger(__name__)

CHANGES: Final = (MsgType.ORDER_CANCEL_REQUEST, MsgType.ORDER_CANCEL_REPLACE_REQUEST)


async def change_refused(journal: Journal, delivery: Delivery, venue: str) -> Report | None:
    """What an OrderCancelReject says; None if we have asked for nothing of the kind."""
    requests = await journal.about(Direction.OUT, delivery.message[Tag.CL_ORD_ID], CHANGES)
    return await _refusal_of(journal, requests[0].message, delivery, venue) if requests else None


async def message_refused(journal: Journal, delivery: Delivery, venue: str) -> Report | None:
    """What a Reject or BusinessMessageReject says; None if it is not about an order."""
    request = await journal.sent(delivery.message.number(Tag.REF_SEQ_NUM))
    log.warning("FIX message refused", refusal=str(delivery.message), request=str(request))
    if request is None or request.get(Tag.CL_ORD_ID) is None:
        return None
    return await _refusal_of(journal, request, delivery, venue)


async def _refusal_of(journal: Journal, request: Message, delivery: Delivery, venue: str) -> Report | None:
    """These messages tell neither the market's time nor what is executed: the request and earlier ones do."""
    order = request[Tag.CL_ORD_ID].partition(".")[0]
    before = await journal.about(Direction.IN, order, [MsgType.EXECUTION_REPORT], delivery.place)
    executed = (executed_of(before[-1].message) if before else None) or 0
    told_at = delivery.message if delivery.message.get(Tag.TRANSACT_TIME) else request
    if told_at.get(Tag.TRANSACT_TIME) is None:
        return None
    at = time_of(told_at, Tag.TRANSACT_TIME)
    return refusal(request, venue, at, executed, printable(delivery.message.get(Tag.TEXT)))
