"""A venue at the other end of a FIX session.

Nothing about an order is kept in memory: an order's id is in every ClOrdID, and the session's journal holds what was
sent and what was heard. So an order that is asked for is told again from the journal, whatever the venue still knows.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from app.fix.errors import FieldError, NotLoggedOn
from app.fix.initiator import Initiator
from app.fix.line import Line
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.types import Deliveries, Delivery, Direction, Place, SessionConfig
from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.kernel.errors import OutcomeUnknown
from app.kernel.ids import new_id
from app.market.types import Instrument
from app.venues.fix.fields import UNKNOWN_ORDER, OrdStatus, cl_ord_id
from app.venues.fix.orders import change_message, order_message, status_message
from app.venues.fix.refused import CHANGES, Past, beginning_of, change_refused, message_refused
from app.venues.fix.reports import executed_of, execution_report, is_duplicate_change, is_told_by, standing
from app.venues.port import Change, Report, VenueOrder

log = structlog.get_logger(__name__)

#: How long the answer to an OrderStatusRequest may take.
ANSWER_WITHIN: Final = timedelta(seconds=2)

_HEARD: Final = (MsgType.EXECUTION_REPORT, MsgType.ORDER_CANCEL_REJECT, MsgType.BUSINESS_MESSAGE_REJECT)


class FixVenue:
    """A ``Venue``. ``run`` keeps it connected; without a connection everything that sends raises ``NotLoggedOn``.

    ``clock`` times the session, ``market_clock`` stamps what is sent (TransactTime).
    """

    name = "fix"
    exclusive = True

    def __init__(
        self,
        pool: EnginePool,
        config: SessionConfig,
        address: tuple[str, int],
        instruments: Mapping[int, Instrument],
        *,
        clock: Clock,
        market_clock: Clock,
        answer_within: timedelta = ANSWER_WITHIN,
    ) -> None:
        self.line = Line(pool, config, clock, self._receive)
        self._initiator = Initiator(self.line, *address, clock)
        self._instruments = instruments
        self._market_clock = market_clock
        self._answer_within = answer_within
        self._arrived: list[Report] = []
        #: What was handed over and isn't taken: places in order, and which of them each report stands for.
        self._handed: deque[Place] = deque()
        self._open: set[Place] = set()
        self._places: dict[Report, list[Place]] = {}
        self._asked: dict[str, asyncio.Future[Message]] = {}
        #: What is sent about an order goes one by one: the look into the journal before it may take its time.
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._ring: Callable[[], None] = _nobody_listens

    async def run(self) -> None:
        """Keep the session connected until cancelled; then log out."""
        await self._initiator.run()

    def ready(self) -> bool:
        """Whether this process holds the session, and is logged on."""
        return self.line.logged_on.is_set()

    async def submit(self, order: VenueOrder) -> None:
        """Send the order. Raises ``NotLoggedOn`` (nothing was sent) or ``OutcomeUnknown`` (it may have been)."""
        self._must_be_logged_on()
        async with self._turn(order):
            await self._send_order(order, again=await self._was_sent(order))

    async def change(self, change: Change) -> None:
        """Send the request. If it was sent before, what was answered to it is told again. Raises like ``submit``.

        An order that was to be sent, and was not, goes first: the venue would refuse what it can't know.
        """
        self._must_be_logged_on()
        name = cl_ord_id(change.order.client_order_id, change.number)
        async with self._turn(change.order):
            if not await self._was_sent(change.order):
                await self._send_order(change.order, again=False)
            again = bool(await self.line.journal.about(Direction.OUT, name, CHANGES))
            symbol = self._symbol(change.order)
            await self.line.send(change_message(change, symbol, self._market_clock.now(), again=again))
        if again:
            await self._tell_again(name)

    async def knows(self, order: VenueOrder) -> bool | None:
        """Ask the venue. If it has the order, all that was ever heard of it is told again; None without an answer.

        So is what its answer says of the order that was never heard: a session may have lost its memory.
        """
        request_id = new_id().hex
        answer = self._asked[request_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._answer_within.total_seconds()):
                await self.line.send(status_message(order, self._symbol(order), request_id))
                status = await answer
        except (NotLoggedOn, OutcomeUnknown, TimeoutError):
            return None
        finally:
            del self._asked[request_id]
        if status.has(Tag.ORD_STATUS, OrdStatus.REJECTED) and status.has(Tag.ORD_REJ_REASON, UNKNOWN_ORDER):
            return False
        told = await self._tell_again(cl_ord_id(order.client_order_id))
        heard = max((report.cumulative_quantity for report in told), default=0)
        if (executed := executed_of(status) or 0) > heard:
            # More will come, or the session has lost its memory: then somebody has to look at it
            log.warning(
                "FIX venue has executed more than it has told", order=str(status), heard=heard, executed=executed
            )
        self._tell_what_was_missed(order, status, told)
        return True

    async def reports(self, now: datetime) -> list[Report]:
        """What has arrived."""
        found, self._arrived = self._arrived, []
        return found

    async def taken(self, reports: Sequence[Report]) -> None:
        """Moves the session's pointer up to the first report that isn't taken yet."""
        for report in reports:
            self._open.difference_update(self._places.pop(report, ()))
        await self._move_on()

    def next_report_at(self) -> datetime | None:
        """A venue doesn't say when it will."""
        return None

    def listen(self, ring: Callable[[], None]) -> None:
        """Call ``ring`` whenever something arrives."""
        self._ring = ring

    async def _receive(self, deliveries: Deliveries) -> None:
        for delivery in deliveries:
            self._answer(delivery.message)
            report = await self._report_of(delivery)
            self._handed.append(delivery.place)
            if report is not None:
                self._open.add(delivery.place)
                self._places.setdefault(report, []).append(delivery.place)
                self._arrived.append(report)
        if self._arrived:
            self._ring()
        await self._move_on()

    async def _move_on(self) -> None:
        last = None
        while self._handed and self._handed[0] not in self._open:
            last = self._handed.popleft()
        if last is not None:
            await self.line.taken(last)

    def _answer(self, message: Message) -> None:
        asked = self._asked.get(message.get(Tag.ORD_STATUS_REQ_ID) or "")
        if asked is not None and not asked.done():
            asked.set_result(message)

    async def _report_of(self, delivery: Delivery, past: Past | None = None) -> Report | None:
        """What a message says of an order. One that can't be understood stays in the journal, for somebody to look."""
        message = delivery.message
        try:
            match message.type:
                case MsgType.EXECUTION_REPORT:
                    return execution_report(message, self.name)
                case MsgType.ORDER_CANCEL_REJECT:
                    return (
                        None
                        if is_duplicate_change(message)
                        else await change_refused(self.line.journal, delivery, self.name, past)
                    )
                case MsgType.BUSINESS_MESSAGE_REJECT | MsgType.REJECT:
                    return await message_refused(self.line.journal, delivery, self.name, past)
        except FieldError as error:
            log.error("FIX message not understood", error=str(error), place=str(delivery.place), message=str(message))
            return None
        log.warning("FIX message of a type not spoken here", type=message.type, place=str(delivery.place))
        return None

    def _tell_what_was_missed(self, order: VenueOrder, status: Message, told: Sequence[Report]) -> None:
        try:
            missed = standing(status, order, self.name)
        except FieldError as error:
            log.error("FIX status not understood", error=str(error), message=str(status))
            return
        if missed is not None and not is_told_by(told, missed):
            log.warning("FIX venue says where an order stands, but had not told of it", order=str(status))
            self._arrived.append(missed)
            self._ring()

    async def _tell_again(self, name: str) -> list[Report]:
        order, _, number = name.partition(".")
        past, reports = await beginning_of(self.line.journal, order), []
        for each in await self.line.journal.about(Direction.IN, order, _HEARD):
            report = await self._report_of(each, past)
            past.pass_by(each.message)
            if report is not None and (not number or report.number == int(number)):
                reports.append(report)
        self._arrived += reports
        if reports:
            self._ring()
        return reports

    def _turn(self, order: VenueOrder) -> asyncio.Lock:
        return self._turns.setdefault(order.client_order_id, asyncio.Lock())

    async def _was_sent(self, order: VenueOrder) -> bool:
        name = cl_ord_id(order.client_order_id)
        return bool(await self.line.journal.about(Direction.OUT, name, [MsgType.NEW_ORDER_SINGLE]))

    async def _send_order(self, order: VenueOrder, *, again: bool) -> None:
        await self.line.send(order_message(order, self._symbol(order), self._market_clock.now(), again=again))

    def _symbol(self, order: VenueOrder) -> str:
        return self._instruments[order.instrument_id].symbol

    def _must_be_logged_on(self) -> None:
        if not self.line.logged_on.is_set():
            raise NotLoggedOn(f"{self.line.config.id} is not logged on: nothing was sent, try again after the logon")


def _nobody_listens() -> None: ...
