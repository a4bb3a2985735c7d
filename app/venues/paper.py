"""The paper venue: deals nothing, but behaves like a venue, with a memory of its own.

What becomes of an order is decided by chance drawn from a seed, and stored before anybody hears of it, under a lock
on the order's row: so any number of processes may watch the same order, and one that asks again, or after a crash,
is told the same story. Orders wait for their session and, with a limit, for the quote; who watches an order looks at
the quotes as often as it is asked for reports.
"""

import asyncio
import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from uuid import UUID

from pydantic import TypeAdapter

from app.infra.database import EngineConnection, EnginePool
from app.kernel.clock import Clock
from app.market.calendar import calendar_of
from app.market.market import Market
from app.venues.paper_dealing import PAPER, Moment, PaperBehaviour, PaperDealing
from app.venues.paper_order import PaperOrder
from app.venues.port import Change, Report, ReportKind, VenueOrder

__all__ = ["PaperBehaviour", "PaperVenue"]

#: How often the quotes are looked at while an order waits for one.
LOOK_AGAIN = timedelta(milliseconds=100)
#: A step that nobody let happen for so long is anybody's: who watched the order is gone.
ABANDONED_AFTER = timedelta(seconds=5)

_ORDER = TypeAdapter(PaperOrder)


class PaperVenue:
    """A ``Venue`` on the simulated market. ``clock`` times its reports; orders live by the market's time."""

    name = PAPER
    exclusive = False

    def __init__(
        self, pool: EnginePool, market: Market, *, clock: Clock, behaviour: PaperBehaviour | None = None
    ) -> None:
        self._pool = pool
        self._market = market
        self._clock = clock
        behaviour = behaviour or PaperBehaviour()
        self._chance = random.Random(behaviour.seed)  # noqa: S311 - a simulation
        self._dealing = PaperDealing(behaviour, self._chance)
        self._arriving: list[_Arrival] = []
        self._storing = asyncio.Lock()
        self._watched: dict[UUID, PaperOrder] = {}
        self._taken: dict[UUID, list[Report]] = defaultdict(list)
        self._wire: list[tuple[datetime, int, Report]] = []
        self._order = count()
        self._looked_at: datetime | None = None
        self._adopted_at: datetime | None = None
        self._ring: Callable[[], None] = _nobody_listens

    def ready(self) -> bool:
        """It is in this very process."""
        return True

    async def submit(self, order: VenueOrder) -> None:
        """Take the order, or recognise it: what was decided first for an id is what counts."""
        now = self._clock.now()
        made = self._dealing.receive(order, self._moment(order.instrument_id, now))
        if not await self._insert(made, now):
            await self.knows(order)
            return
        self._watch(made, now)
        self._ring()

    async def _insert(self, made: PaperOrder, now: datetime) -> bool:
        """Store a new order, together with those that came while others were being stored; False if it is known."""
        arrival = _Arrival(made, now)
        self._arriving.append(arrival)
        try:
            async with self._storing:
                if arrival.is_new is None:
                    await self._insert_all(list(self._arriving))
        finally:
            if arrival in self._arriving:
                self._arriving.remove(arrival)
        return bool(arrival.is_new)

    async def _insert_all(self, arriving: Sequence["_Arrival"]) -> None:
        rows = await self._pool.fetch(
            _INSERT, *zip(*((each.made.id, each.at, *_stored(each.made)) for each in arriving), strict=True)
        )
        new = {row["client_order_id"] for row in rows}
        for each in arriving:
            each.is_new = each.made.id in new
            new.discard(each.made.id)
        self._arriving = [each for each in self._arriving if each.is_new is None]

    async def change(self, change: Change) -> None:
        """Decided when it arrives, among what has happened by then; answered a little later. Once for each number."""
        now, id_ = self._clock.now(), change.order.client_order_id
        moment = self._moment(change.order.instrument_id, now)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await _locked(connection, [id_])
            answer = found[0].answer_to(change.number) if found else None
            if found and answer is None:
                self._dealing.change(found[0], change, moment)
                await _store(connection, found)
        if not found:
            reason = "the paper venue does not know the order"
            unknown = Report(PAPER, id_, ReportKind.CHANGE_REJECTED, moment.market, number=change.number, reason=reason)
            self._tell([unknown], now)
        else:
            self._watch(found[0], now)
            if answer is not None and answer in found[0].happened:
                self._tell([answer.report], now)
        self._ring()

    async def knows(self, order: VenueOrder) -> bool | None:
        """Whether the venue has the order; if so, all its reports come (again), those still to come included."""
        row = await self._pool.fetchrow(
            "SELECT story FROM paper.venue_order WHERE client_order_id = $1", order.client_order_id
        )
        if row is None:
            return False
        now, made = self._clock.now(), _ORDER.validate_json(row["story"])
        for step in made.happened:
            self._arrive(now, step.report)
        self._remember(made)
        self._ring()
        return True

    async def reports(self, now: datetime) -> list[Report]:
        """Let happen what is due by ``now``, and hand over what has arrived, in order of arrival."""
        await self._adopt(now)
        moment = cache(lambda instrument_id: self._moment(instrument_id, now))
        due = {
            made.id for made in self._watched.values() if self._dealing.is_due(made, moment(made.order.instrument_id))
        }
        # If this fails, what was taken is only told once more after a restart.
        taken, self._taken = self._taken, defaultdict(list)
        if due or taken:
            async with self._pool.acquire() as connection, connection.transaction():
                orders = await _locked(connection, due | taken.keys())
                for made in orders:
                    if made.id in due:
                        self._dealing.advance(made, moment(made.order.instrument_id))
                    for report in taken.get(made.id, ()):
                        made.take(report)
                await _store(connection, orders)
            for made in orders:
                if made.id in self._watched:
                    self._watch(made, now)
        self._looked_at = now
        found = []
        while self._wire and self._wire[0][0] <= now:
            found.append(heapq.heappop(self._wire)[2])
        return found

    async def taken(self, reports: Sequence[Report]) -> None:
        """Noted in memory, and stored the next time that reports are asked for."""
        for report in reports:
            self._taken[report.client_order_id].append(report)

    def next_report_at(self) -> datetime | None:
        """When the next report is due, or when the quotes are to be looked at again."""
        known = [made.due_at for made in self._watched.values() if made.due_at is not None]
        if self._wire:
            known.append(self._wire[0][0])
        if self._looked_at is not None and any(not made.over for made in self._watched.values()):
            known.append(self._looked_at + LOOK_AGAIN)
        return min(known, default=None)

    def listen(self, ring: Callable[[], None]) -> None:
        """An order or a change may be answered before the time that was known until then."""
        self._ring = ring

    async def _adopt(self, now: datetime) -> None:
        """At the start, watch what another process left half told; later, what one has left lying."""
        if self._adopted_at is None:
            rows = await self._pool.fetch("SELECT story FROM paper.venue_order WHERE untaken OR due_at IS NOT NULL")
        elif now - self._adopted_at >= ABANDONED_AFTER:
            rows = await self._pool.fetch(
                "SELECT story FROM paper.venue_order WHERE due_at < $1"
                " OR (untaken AND due_at IS NULL AND received_at < $1)",
                now - ABANDONED_AFTER,
            )
        else:
            return
        self._adopted_at = now
        for row in rows:
            self._watch(_ORDER.validate_json(row["story"]), now)

    def _watch(self, made: PaperOrder, now: datetime) -> None:
        """Tell what is new of an order, and remember it."""
        known = self._watched.get(made.id)
        if known is None:
            self._tell(made.untold(), now)
        else:
            self._tell([step.report for step in made.happened[len(known.happened) :] if not step.lost], now)
        self._remember(made)

    def _remember(self, made: PaperOrder) -> None:
        """Keep the newest of what is known of an order, for as long as anything may still happen to it."""
        known = self._watched.get(made.id)
        if known is not None and known.version > made.version:
            return
        self._watched[made.id] = made
        if made.over and not made.planned:
            del self._watched[made.id]

    def _tell(self, reports: Iterable[Report], now: datetime) -> None:
        for report in reports:
            for at in self._dealing.arrivals(now):
                self._arrive(at, report)

    def _arrive(self, at: datetime, report: Report) -> None:
        heapq.heappush(self._wire, (at, next(self._order), report))

    def _moment(self, instrument_id: int, now: datetime) -> Moment:
        instrument, market_now = self._market.instruments.get(instrument_id), self._market.clock.now()
        calendar = None if instrument is None else calendar_of(instrument.exchange)
        return Moment(now, market_now, calendar, self._market.quotes.quote(instrument_id, market_now))


@dataclass(slots=True, eq=False)
class _Arrival:
    """An order on its way into the venue's memory; ``is_new`` once that is known."""

    made: PaperOrder
    at: datetime
    is_new: bool | None = None


async def _locked(connection: EngineConnection, ids: Iterable[UUID]) -> list[PaperOrder]:
    """The orders as they are stored, and nobody else's until the transaction ends. Always locked in one order."""
    rows = await connection.fetch(
        "SELECT story FROM paper.venue_order WHERE client_order_id = ANY ($1) ORDER BY client_order_id FOR UPDATE",
        list(ids),
    )
    return [_ORDER.validate_json(row["story"]) for row in rows]


async def _store(connection: EngineConnection, orders: Sequence[PaperOrder]) -> None:
    for made in orders:
        made.version += 1
    await connection.executemany(
        "UPDATE paper.venue_order SET story = $2, due_at = $3, untaken = $4 WHERE client_order_id = $1",
        [(made.id, *_stored(made)) for made in orders],
    )


_INSERT = """
INSERT INTO paper.venue_order (client_order_id, received_at, story, due_at, untaken)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::timestamptz[], $5::boolean[])
ON CONFLICT DO NOTHING RETURNING client_order_id
"""


def _stored(made: PaperOrder) -> tuple[str, datetime | None, bool]:
    return _ORDER.dump_json(made).decode(), made.due_at, bool(made.untold())


def _nobody_listens() -> None: ...
