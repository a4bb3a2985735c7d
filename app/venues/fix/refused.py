"""What a refusal is about: it names a message of ours, which the journal still has."""

from dataclasses import dataclass
from typing import Final

import structlog

from app.fix.journal import Journal
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import time_of
from app.fix.types import Delivery, Direction, Place
from app.venues.fix.fields import printable
from app.venues.fix.reports import executed_of, refusal
from app.venues.port import Report

log = structlog.get_logger(__name__)

CHANGES: Final = (MsgType.ORDER_CANCEL_REQUEST, MsgType.ORDER_CANCEL_REPLACE_REQUEST)


@dataclass(slots=True)
class Past:
    """What was asked about an order, and how much of it was executed, before a message came."""

    requests: dict[str, Message]
    executed: int = 0

    def pass_by(self, message: Message) -> None:
        """The message belongs to the past of the next one."""
        if message.type == MsgType.EXECUTION_REPORT:
            self.executed = executed_of(message) or 0


async def beginning_of(journal: Journal, order: str) -> Past:
    """The past of the first message about an order: one that passes all of them by looks nothing up for each."""
    return Past(await _requests(journal, order))


async def change_refused(journal: Journal, delivery: Delivery, venue: str, past: Past | None) -> Report | None:
    """What an OrderCancelReject says; None if we have asked for nothing of the kind."""
    name = delivery.message[Tag.CL_ORD_ID]
    requests = past.requests if past else await _requests(journal, name)
    return await _refusal_of(journal, requests[name], delivery, venue, past) if name in requests else None


async def message_refused(journal: Journal, delivery: Delivery, venue: str, past: Past | None) -> Report | None:
    """What a Reject or BusinessMessageReject says; None if it is not about an order."""
    request = await journal.sent(Place(delivery.place.era, delivery.message.number(Tag.REF_SEQ_NUM)))
    log.warning("FIX message refused", refusal=str(delivery.message), request=str(request))
    if request is None or request.get(Tag.CL_ORD_ID) is None:
        return None
    return await _refusal_of(journal, request, delivery, venue, past)


async def _requests(journal: Journal, name: str) -> dict[str, Message]:
    found = await journal.about(Direction.OUT, name, CHANGES)
    return {each.message[Tag.CL_ORD_ID]: each.message for each in reversed(found)}


async def _refusal_of(
    journal: Journal, request: Message, delivery: Delivery, venue: str, past: Past | None
) -> Report | None:
    """These messages tell neither the market's time nor what is executed: the request and earlier ones do."""
    if past is None:
        order, past = request[Tag.CL_ORD_ID].partition(".")[0], Past({})
        for each in await journal.about(Direction.IN, order, [MsgType.EXECUTION_REPORT], delivery.place):
            past.pass_by(each.message)
    told_at = delivery.message if delivery.message.get(Tag.TRANSACT_TIME) else request
    if told_at.get(Tag.TRANSACT_TIME) is None:
        return None
    at = time_of(told_at, Tag.TRANSACT_TIME)
    return refusal(request, venue, at, past.executed, printable(delivery.message.get(Tag.TEXT)))
