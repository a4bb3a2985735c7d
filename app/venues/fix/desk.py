"""A venue of ours, made to speak FIX: takes orders from one client's session and tells what becomes of them.

The venue behind is used through its port alone. What the client was told is in the session's journal and nowhere else:
a ticket is put together from it when it is needed, so a crash at any moment is answered by starting again. The ids
that the venue behind sees are not the client's (see ``other_side``), as no venue's are.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from app.fix.connection import wake_or
from app.fix.errors import FieldError, NotLoggedOn
from app.fix.line import Line
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import time_of
from app.fix.times import to_text as time_text
from app.fix.types import Deliveries, Delivery, Direction, SessionConfig
from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.kernel.errors import OutcomeUnknown
from app.kernel.ids import new_id
from app.market.types import Instrument
from app.venues.fix.fields import (
    CHANGE_OF_UNKNOWN_ORDER,
    CONDITIONALLY_REQUIRED,
    DUPLICATE_CHANGE,
    DUPLICATE_ORDER,
    UNKNOWN_ORDER,
    UNSUPPORTED_TYPE,
    ExecType,
    OrdStatus,
    order_and_number,
    printable,
)
from app.venues.fix.orders import Fields, change_of, order_id_of, order_of
from app.venues.fix.reports import execution_report, is_duplicate_change
from app.venues.fix.ticket import Ticket
from app.venues.port import Report, ReportKind, Venue

log = structlog.get_logger(__name__)

#: How often (seconds) the venue behind is asked for reports when nothing else happens.
LOOK_AGAIN: Final = 0.05
_MOST_TICKETS: Final = 10_000
_INSIDE: Final = UUID("5e1f0b6c-2d0a-4c58-9a43-8f2c6d7b9e10").int


class VenueDesk:
    """One client's line to ``venue``. ``clock`` times the session, ``venue_clock`` the venue's reports."""

    def __init__(
        self,
        pool: EnginePool,
        config: SessionConfig,
        venue: Venue,
        instruments: Mapping[int, Instrument],
        *,
        clock: Clock,
        venue_clock: Clock,
        market_clock: Clock,
    ) -> None:
        self.line = Line(pool, config, clock, self._receive)
        self._venue = venue
        self._instruments = instruments
        self._by_symbol = {each.symbol: each for each in instruments.values()}
        self._clock = venue_clock
        self._market_clock = market_clock
        self._inbox: deque[Delivery] = deque()
        self._untold: list[Report] = []
        self._tickets: dict[UUID, Ticket] = {}
        self._wake = asyncio.Event()
        venue.listen(self._wake.set)

    async def run(self) -> None:
        """Work until cancelled. What fails is tried again: it is still in the inbox, or with the venue."""
        while True:
            try:
                await self._work()
            except (NotLoggedOn, OutcomeUnknown):
                self._tickets.clear()  # they may tell of what was not sent: the journal knows
            except Exception:
                self._tickets.clear()
                log.exception("FIX desk stumbled")
            await wake_or(self._wake, LOOK_AGAIN)
            self._wake.clear()

    def ring(self) -> None:
        """Look at once."""
        self._wake.set()

    async def _receive(self, deliveries: Deliveries) -> None:
        self._inbox.extend(deliveries)
        self._wake.set()

    async def _work(self) -> None:
        if not self.line.logged_on.is_set():
            return
        done = None
        while self._inbox:
            await self._handle(self._inbox[0])
            done = self._inbox.popleft().place
        if done is not None:
            await self.line.taken(done)
        await self._tell()

    # What the client wants

    async def _handle(self, delivery: Delivery) -> None:
        message = delivery.message
        try:
            match message.type:
                case MsgType.NEW_ORDER_SINGLE:
                    await self._new_order(delivery)
                case MsgType.ORDER_CANCEL_REQUEST | MsgType.ORDER_CANCEL_REPLACE_REQUEST:
                    await self._change(delivery)
                case MsgType.ORDER_STATUS_REQUEST:
                    await self._status(message)
                case MsgType.REJECT | MsgType.BUSINESS_MESSAGE_REJECT:
                    log.warning("FIX client refused a message", refusal=str(message))
                case _:
                    await self._refuse(
                        message, UNSUPPORTED_TYPE, f"messages of type {message.type} are not spoken here"
                    )
        except FieldError as error:
            await self._refuse(message, CONDITIONALLY_REQUIRED, str(error))

    async def _new_order(self, delivery: Delivery) -> None:
        message = delivery.message
        order = order_of(message, self._by_symbol)
        name = message[Tag.CL_ORD_ID]
        if await self.line.journal.about(Direction.IN, name, [MsgType.NEW_ORDER_SINGLE], delivery.place):
            ticket = await self._ticket(order.client_order_id)
            if ticket is not None and delivery.poss_resend:
                await self.line.send(ticket.tell_status(new_id().hex, self._market_clock.now()))
            elif ticket is not None:
                await self.line.send(self._nothing(message, "8", DUPLICATE_ORDER, f"there is an order {name} already"))
            return
        await self._venue.submit(replace(order, client_order_id=other_side(order.client_order_id)))

    async def _change(self, delivery: Delivery) -> None:
        message = delivery.message
        id_, _ = order_and_number(message)
        came = await self.line.journal.about(Direction.IN, id_.hex, [MsgType.NEW_ORDER_SINGLE], delivery.place)
        # An order that came after the request is in the journal, but the venue behind does not know it yet.
        ticket = await self._ticket(id_) if came else None
        if ticket is None:
            self._tickets.pop(id_, None)  # the refusal belongs to it: the journal knows
            await self.line.send(_cancel_reject(message, CHANGE_OF_UNKNOWN_ORDER, f"there is no order {id_.hex}"))
            return
        change = change_of(message, ticket.order)
        if delivery.poss_resend and ticket.has_answered(change.number):
            return  # an answer holds, also one that was given before the order was known: the client has it, or will
        earlier = await self.line.journal.about(
            Direction.IN,
            message[Tag.CL_ORD_ID],
            [MsgType.ORDER_CANCEL_REQUEST, MsgType.ORDER_CANCEL_REPLACE_REQUEST],
            delivery.place,
        )
        if earlier and not delivery.poss_resend:
            text = f"the request {message[Tag.CL_ORD_ID]} came before"
            await self.line.send(_cancel_reject(message, DUPLICATE_CHANGE, text))
            return
        inside = replace(ticket.order, client_order_id=other_side(id_))
        await self._venue.change(replace(change, order=inside))

    async def _status(self, message: Message) -> None:
        id_ = order_id_of(message)
        ticket, request_id = await self._ticket(id_), message.get(Tag.ORD_STATUS_REQ_ID)
        if ticket is None:
            text = f"there is no order {id_.hex}"
            await self.line.send(self._nothing(message, ExecType.ORDER_STATUS, UNKNOWN_ORDER, text))
            return
        await self.line.send(ticket.tell_status(new_id().hex, self._market_clock.now(), request_id))
        await self._venue.knows(replace(ticket.order, client_order_id=other_side(id_)))

    def _nothing(self, message: Message, exec_type: str, reason: str, text: str) -> Message:
        """An ExecutionReport about an order that is none here."""
        fields: Fields = {
            Tag.ORDER_ID: "NONE",
            Tag.CL_ORD_ID: message[Tag.CL_ORD_ID],
            Tag.ORD_STATUS_REQ_ID: message.get(Tag.ORD_STATUS_REQ_ID),
            Tag.EXEC_ID: new_id().hex,
            Tag.EXEC_TYPE: exec_type,
            Tag.ORD_STATUS: OrdStatus.REJECTED,
            Tag.ORD_REJ_REASON: reason,
            Tag.SYMBOL: message[Tag.SYMBOL],
            Tag.SIDE: message[Tag.SIDE],
            Tag.LEAVES_QTY: 0,
            Tag.CUM_QTY: 0,
            Tag.AVG_PX: 0,
            Tag.TRANSACT_TIME: time_text(self._market_clock.now()),
            Tag.TEXT: printable(text),
        }
        return Message.of(MsgType.EXECUTION_REPORT, fields)

    async def _refuse(self, message: Message, reason: str, text: str) -> None:
        log.warning("FIX message refused", reason=text, message=str(message))
        fields: Fields = {
            Tag.REF_SEQ_NUM: message[Tag.MSG_SEQ_NUM],
            Tag.REF_MSG_TYPE: message.type,
            Tag.BUSINESS_REJECT_REF_ID: message.get(Tag.CL_ORD_ID),
            Tag.BUSINESS_REJECT_REASON: reason,
            Tag.TEXT: printable(text),
        }
        await self.line.send(Message.of(MsgType.BUSINESS_MESSAGE_REJECT, fields))

    # What the venue reports

    async def _tell(self) -> None:
        self._untold += await self._venue.reports(self._clock.now())
        if not self._untold:
            return
        messages, told = [], []
        for inside in self._untold:
            report = replace(inside, client_order_id=other_side(inside.client_order_id))
            ticket = await self._ticket(report.client_order_id)
            if ticket is None:
                continue  # another client's of the same venue, who will be told by another desk
            if not ticket.has_told(report):
                messages.append(ticket.tell(report))
            told.append(inside)
        if messages:
            await self.line.send(*messages)
        self._untold = []
        await self._venue.taken(told)

    async def _ticket(self, id_: UUID) -> Ticket | None:
        """The order as far as the client knows; None if it has never sent it."""
        if id_ not in self._tickets:
            ticket = await self._from_journal(id_)
            if ticket is None:
                return None
            if len(self._tickets) >= _MOST_TICKETS:
                self._tickets.clear()
            self._tickets[id_] = ticket
        return self._tickets[id_]

    async def _from_journal(self, id_: UUID) -> Ticket | None:
        journal = self.line.journal
        received = await journal.about(Direction.IN, id_.hex, [MsgType.NEW_ORDER_SINGLE])
        if not received:
            return None
        try:
            order = order_of(received[0].message, self._by_symbol)
        except FieldError:
            return None  # and so it was refused
        ticket = Ticket(order, self._instruments[order.instrument_id].symbol, order.quantity)
        told = await journal.about(Direction.OUT, id_.hex, [MsgType.EXECUTION_REPORT, MsgType.ORDER_CANCEL_REJECT])
        for each in told:
            if (report := _told(each.message, self._venue.name)) is not None:
                ticket.apply(report)
        return ticket


def _told(message: Message, venue: str) -> Report | None:
    """The report that one of our own messages told of."""
    if message.type == MsgType.EXECUTION_REPORT:
        return execution_report(message, venue)
    if is_duplicate_change(message):
        return None
    id_, number = order_and_number(message)
    return Report(venue, id_, ReportKind.CHANGE_REJECTED, time_of(message, Tag.TRANSACT_TIME), number=number)


def _cancel_reject(message: Message, reason: str, text: str) -> Message:
    fields: Fields = {
        Tag.ORDER_ID: "NONE",
        Tag.CL_ORD_ID: message[Tag.CL_ORD_ID],
        Tag.ORIG_CL_ORD_ID: message[Tag.ORIG_CL_ORD_ID],
        Tag.ORD_STATUS: OrdStatus.REJECTED,
        Tag.CXL_REJ_RESPONSE_TO: "1" if message.type == MsgType.ORDER_CANCEL_REQUEST else "2",
        Tag.CXL_REJ_REASON: reason,
        Tag.TRANSACT_TIME: message.get(Tag.TRANSACT_TIME),
        Tag.TEXT: printable(text),
    }
    return Message.of(MsgType.ORDER_CANCEL_REJECT, fields)


def other_side(id_: UUID) -> UUID:
    """The client's id for the venue's, or the other way round, with nothing to remember.

    A venue that serves us in-process may keep its book in the same database; were the ids the same, the one would take
    the other's orders for its own, and an execution would be told twice, under two venues' names.
    """
    return UUID(int=id_.int ^ _INSIDE)
