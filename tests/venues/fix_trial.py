"""A FIX venue under test: our adapter, a real socket, the project's own acceptor in front of a paper venue."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from app.fix.acceptor import Acceptor
from app.fix.types import Role, SessionConfig, SessionId
from app.infra.database import EnginePool
from app.kernel.clock import ManualClock, SystemClock
from app.market.catalogue import INSTRUMENTS
from app.market.market import Market
from app.venues.fix.adapter import FixVenue
from app.venues.fix.desk import VenueDesk
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Venue
from tests.fix.lines import Wire
from tests.venues.trial import INSTRUMENT, Counterparty
from tests.world import WEDNESDAY, SetQuotes

_BY_ID = {each.id: each for each in INSTRUMENTS}
_HOUSE, _VENUE = SessionId("HOUSE", "VENUE"), SessionId("VENUE", "HOUSE")
_PATIENCE = 20.0


@dataclass
class FixTrial:
    """A ``Trial``. The session lives by the machine's clock; the market, and the venue, by one that is turned by hand.

    ``wire`` is what the two talk over: it can be cut, and made to lose what goes to the venue.
    """

    pool: EnginePool
    behaviour: PaperBehaviour
    clock: ManualClock = field(default_factory=lambda: ManualClock(WEDNESDAY))
    quotes: SetQuotes = field(init=False)
    market: Market = field(init=False)
    venue: Venue = field(init=False)
    adapter: FixVenue = field(init=False)
    desk: VenueDesk = field(init=False)
    wire: Wire = field(init=False)
    _ours: AsyncExitStack = field(default_factory=AsyncExitStack)
    _theirs: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.quotes = SetQuotes(self.clock, {INSTRUMENT.id: Decimal(100)})
        self.market = Market(_BY_ID, self.quotes, self.clock)

    def market_now(self) -> datetime:
        return self.clock.now()

    async def wait(self) -> None:
        self.clock.advance(timedelta(milliseconds=20))
        self.desk.ring()
        await asyncio.sleep(0.008)

    async def market_reaches(self, at: datetime) -> None:
        self.clock.advance(max(at - self.clock.now(), timedelta(0)))
        await self.wait()

    def set_price(self, dollars: Decimal) -> None:
        self.quotes.prices[INSTRUMENT.id] = dollars

    async def restart(self) -> None:
        await self.close_ours()
        await self.open_ours()
        await self.connected()

    async def restart_venue(self) -> None:
        """The other side is gone, with all that it had in memory, and comes back."""
        await self.close_theirs()
        await self.open_theirs()

    async def open_theirs(self) -> None:
        self.desk = VenueDesk(
            self.pool,
            SessionConfig(_VENUE, Role.ACCEPTOR),
            PaperVenue(self.pool, self.market, clock=self.clock, behaviour=self.behaviour),
            _BY_ID,
            clock=SystemClock(),
            venue_clock=self.clock,
            market_clock=self.clock,
        )
        await self._theirs.enter_async_context(_working(self.desk.run()))
        port = await self._theirs.enter_async_context(Acceptor([self.desk.line]).listening("127.0.0.1", 0))
        self.wire.target = port

    async def close_theirs(self) -> None:
        await self._theirs.aclose()

    async def open_ours(self) -> None:
        self.venue = self.adapter = FixVenue(
            self.pool,
            SessionConfig(_HOUSE, Role.INITIATOR),
            ("127.0.0.1", self.wire.port),
            _BY_ID,
            clock=SystemClock(),
            market_clock=self.clock,
        )
        await self._ours.enter_async_context(_working(self.adapter.run()))

    async def close_ours(self) -> None:
        await self._ours.aclose()

    async def connected(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            await self.adapter.line.logged_on.wait()

    async def disconnected(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            while self.adapter.line.logged_on.is_set() or self.desk.line.logged_on.is_set():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def _working(work: object) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def fix_trial(pool: EnginePool, behaviour: PaperBehaviour) -> AsyncIterator[FixTrial]:
    """Both sides, logged on."""
    trial = FixTrial(pool, behaviour)
    trial.wire = Wire(0)
    async with trial.wire.running():
        await trial.open_theirs()
        await trial.open_ours()
        try:
            await trial.connected()
            yield trial
        finally:
            await trial.close_ours()
            await trial.close_theirs()


def counterparty(trial: FixTrial) -> Counterparty:
    """Our side of the line."""
    return Counterparty(trial, trial.clock.now)
