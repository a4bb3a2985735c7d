"""What the conformance spec needs of a venue under test, and a trial of the rooms that live in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from app.kernel.clock import ManualClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.calendar import calendar_of
from app.market.catalogue import INSTRUMENTS
from app.market.market import Market
from app.market.types import Side, TimeInForce
from app.venues.port import Change, Report, Venue, VenueOrder
from tests.venues.tale import Tale
from tests.world import SetQuotes

#: An equity at the exchange XNYS.
INSTRUMENT = next(each for each in INSTRUMENTS if each.symbol == "KO")
#: So long may a venue take (wall time) for anything.
DEADLINE = timedelta(seconds=10)


class Trial(Protocol):
    """A venue under test, and the world around it. Times are wall time unless they say market time."""

    venue: Venue

    def market_now(self) -> datetime:
        """Market time at the venue."""

    async def wait(self) -> None:
        """Let a short while go by (some 20 ms): on a real line by sleeping, else by turning a clock."""

    async def market_reaches(self, at: datetime) -> None:
        """Let market time go by until ``at``."""

    def set_price(self, dollars: Decimal) -> None:
        """The last price of ``INSTRUMENT`` from now on; bid and ask lie one cent around it."""

    async def restart(self) -> None:
        """Lose everything that our side keeps in memory; ``venue`` is a new one afterwards."""


@dataclass(slots=True)
class InProcess:
    """A ``Trial`` of a venue that lives by clocks and quotes which we turn by hand."""

    make: Callable[[Market, ManualClock], Venue]
    clock: ManualClock
    market: Market = field(init=False)
    venue: Venue = field(init=False)
    quotes: SetQuotes = field(init=False)

    def __post_init__(self) -> None:
        self.quotes = SetQuotes(self.clock, {INSTRUMENT.id: Decimal(100)})
        self.market = Market({each.id: each for each in INSTRUMENTS}, self.quotes, self.clock)
        self.venue = self.make(self.market, self.clock)

    def market_now(self) -> datetime:
        return self.clock.now()

    async def wait(self) -> None:
        self.clock.advance(timedelta(milliseconds=20))

    async def market_reaches(self, at: datetime) -> None:
        self.clock.advance(max(at - self.clock.now(), timedelta(0)))

    def set_price(self, dollars: Decimal) -> None:
        self.quotes.prices[INSTRUMENT.id] = dollars

    async def restart(self) -> None:
        self.venue = self.make(self.market, self.clock)


@dataclass(slots=True)
class Counterparty:
    """Our side of the line: sends, listens, and asks after a restart."""

    trial: Trial
    wall: Callable[[], datetime]
    tales: list[Tale] = field(default_factory=list)
    heard: list[Report] = field(default_factory=list)

    async def send(
        self,
        side: Side = Side.BUY,
        shares: int = 100,
        *,
        limit: str | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        expires_at: datetime | None = None,
    ) -> Tale:
        """Send an order, and follow it."""
        price = None if limit is None else int(Decimal(limit) * UNIT)
        order = VenueOrder(new_id(), INSTRUMENT.id, side, shares * UNIT, price, time_in_force, expires_at)
        await self.trial.venue.submit(order)
        self.tales.append(Tale(order))
        return self.tales[-1]

    async def listen(self, *, take: bool = True) -> Sequence[Report]:
        """Hear what there is to hear."""
        reports = await self.trial.venue.reports(self.wall())
        self.heard += reports
        for tale in self.tales:
            tale.listen(reports)
        if take:
            await self.trial.venue.taken(reports)
        return reports

    async def until(self, condition: Callable[[], object], what: str, *, take: bool = True) -> None:
        """Listen until something holds; fails when the deadline has passed."""
        deadline = self.wall() + DEADLINE
        while not condition():
            assert self.wall() < deadline, f"within {DEADLINE.seconds} s: {what}"
            await self.trial.wait()
            await self.listen(take=take)

    async def answer_to(self, tale: Tale, change: Change) -> Report:
        """Ask for a change, and wait for its answer."""
        await self.trial.venue.change(change)
        await self.until(lambda: tale.answer(change.number), "the change is answered")
        answer = tale.answer(change.number)
        assert answer is not None
        return answer

    async def a_while(self, seconds: float = 1.0) -> None:
        """Listen for a time in which something would have happened, if it were going to."""
        end = self.wall() + timedelta(seconds=seconds)
        while self.wall() < end:
            await self.trial.wait()
            await self.listen()

    async def recover(self) -> None:
        """What the engine does after a restart: ask for every open order, and send again what is not known."""
        for tale in self.tales:
            if not await self.trial.venue.knows(tale.order):
                await self.trial.venue.submit(tale.order)


def session_close(at: datetime) -> datetime:
    """The close of the session under way at a market time, or of the next."""
    calendar = calendar_of(INSTRUMENT.exchange)
    return calendar.closes[calendar.index_of(at)]


async def together(*works: Awaitable[object]) -> None:
    """Do several things at once."""
    await asyncio.gather(*works)
