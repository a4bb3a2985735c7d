"""The house as a venue: it deals with its customers itself, at the quote, each order at once and whole.

It has no memory of its own: after a restart it is told of its open orders again by ``submit``, with the quantity then
in force. An order's execution has the order's own id, so dealing once more what was dealt just before a crash is
recognised as the same execution.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.market.calendar import ExchangeCalendar, calendar_of
from app.market.market import Market
from app.venues.port import ENDINGS, Change, Report, ReportKind, VenueOrder
from app.venues.rules import change_refusal_of, ends_at, is_within, refusal_of, touch

HOUSE = "house"

#: How often the quotes are looked at while an order waits for one.
LOOK_AGAIN = timedelta(milliseconds=100)
#: An order that is over is recognised for this long, should it be sent or asked for once more.
REMEMBERED_FOR = timedelta(hours=1)


@dataclass(slots=True)
class _HouseOrder:
    order: VenueOrder
    quantity: int
    calendar: ExchangeCalendar | None
    ends_at: datetime | None = None
    accepted: int = 0
    cumulative: int = 0
    over: bool = False
    said: list[Report] = field(default_factory=list)


class HouseVenue:
    """A ``Venue`` whose counterparty is the firm. Orders live by the market's clock."""

    name = HOUSE
    exclusive = False

    def __init__(self, market: Market) -> None:
        self._market = market
        self._orders: dict[UUID, _HouseOrder] = {}
        self._open: set[UUID] = set()
        self._over: deque[tuple[datetime, UUID]] = deque()
        self._ready: list[Report] = []
        self._looked_at: datetime | None = None
        self._ring: Callable[[], None] = _nobody_listens

    def ready(self) -> bool:
        """It is in this very process."""
        return True

    async def submit(self, order: VenueOrder) -> None:
        """Deal it if that can be done now; else it waits for its session, a quote, or its limit."""
        if order.client_order_id in self._orders:
            return
        at, instrument = self._market.clock.now(), self._market.instruments.get(order.instrument_id)
        made = _HouseOrder(order, order.quantity, None if instrument is None else calendar_of(instrument.exchange))
        self._orders[order.client_order_id] = made
        self._open.add(order.client_order_id)
        reason = refusal_of(order)
        if made.calendar is None or reason is not None:
            self._say(made, ReportKind.REJECTED, at, reason=reason or "the house does not know the instrument")
            return
        made.ends_at = ends_at(order, made.calendar, at)
        self._say(made, ReportKind.NEW, at)
        self._look(made, at)

    async def change(self, change: Change) -> None:
        """Answered at once. An order that is open is wholly unexecuted."""
        at, made = self._market.clock.now(), self._orders.get(change.order.client_order_id)
        if made is None:
            unknown = _HouseOrder(change.order, change.order.quantity, None)
            self._say(unknown, ReportKind.CHANGE_REJECTED, at, number=change.number, reason="no such order")
            return
        self._look(made, at)
        answer = next((report for report in made.said if report.number == change.number), None)
        if answer is not None:
            self._ready.append(answer)
            self._ring()
            return
        refusal = change_refusal_of(change, made.quantity, change.replaces, over=made.over)
        if refusal is not None:
            self._say(made, ReportKind.CHANGE_REJECTED, at, number=change.number, reason=refusal)
            return
        made.accepted = change.number
        if change.quantity is None:
            self._say(made, ReportKind.CANCELED, at, number=change.number)
        else:
            made.quantity = change.quantity
            self._say(made, ReportKind.REPLACED, at, number=change.number, order_quantity=made.quantity)

    async def knows(self, order: VenueOrder) -> bool | None:
        """Whether it was submitted since the start; if so, all is told again."""
        made = self._orders.get(order.client_order_id)
        if made is None:
            return False
        self._ready += made.said
        self._ring()
        return True

    async def reports(self, now: datetime) -> list[Report]:
        """Look at the quotes, and hand over what was said since the last call."""
        at = self._market.clock.now()
        for id_ in list(self._open):
            self._look(self._orders[id_], at)
        for id_ in [id_ for id_ in self._open if self._orders[id_].over]:
            self._open.remove(id_)
            self._over.append((now, id_))
        while self._over and now - self._over[0][0] >= REMEMBERED_FOR:
            del self._orders[self._over.popleft()[1]]
        self._looked_at = now
        found, self._ready = self._ready, []
        return found

    async def taken(self, reports: Sequence[Report]) -> None:
        """Nothing to note: what was not applied is dealt again when the order is submitted again."""

    def next_report_at(self) -> datetime | None:
        """When the quotes are to be looked at again, if an order waits for one."""
        return self._looked_at + LOOK_AGAIN if self._open and self._looked_at is not None else None

    def listen(self, ring: Callable[[], None]) -> None:
        """Every answer is there at once."""
        self._ring = ring

    def _look(self, made: _HouseOrder, at: datetime) -> None:
        """Let the order expire, or deal it whole, if its time has come."""
        order, calendar = made.order, made.calendar
        if made.over or calendar is None:
            return
        if made.ends_at is not None and at >= made.ends_at:
            self._say(made, ReportKind.EXPIRED, made.ends_at)
            return
        quote = self._market.quotes.quote(order.instrument_id, at) if calendar.is_open(at) else None
        if quote is not None and is_within(price := touch(order.side, quote), order):
            id_, made.cumulative = str(order.client_order_id), made.quantity
            self._say(made, ReportKind.EXECUTION, at, execution_id=id_, quantity=made.quantity, price=price)

    def _say(self, made: _HouseOrder, kind: ReportKind, at: datetime, **details: Any) -> None:
        made.over = made.over or kind in ENDINGS or kind is ReportKind.EXECUTION
        report = Report(HOUSE, made.order.client_order_id, kind, at, cumulative_quantity=made.cumulative, **details)
        made.said.append(report)
        self._ready.append(report)
        self._ring()


def _nobody_listens() -> None: ...
