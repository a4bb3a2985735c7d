"""The floor that orders are dealt on: a tenant, customers with money, an engine, and a venue that answers at once."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from broadcaster import Broadcast

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.open import OpenAccount, open_accounts
from app.infra.collector import set_for_batches
from app.infra.database import EnginePool, engine_pool
from app.infra.hub import Hub
from app.kernel.clock import ManualClock, SystemClock
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.books import open_tenant
from app.ledger.commit import GroupCommit
from app.ledger.writers import Writers, stream_of_journal
from app.market.catalogue import INSTRUMENTS
from app.market.load import add_instruments
from app.market.market import Market
from app.market.types import Instrument, InstrumentKind, Quote, Side, TimeInForce
from app.orders.engine import OrderEngine
from app.orders.place import PlaceOrder, place
from app.orders.request import Size
from app.orders.stop import set_rules
from app.orders.terms import terms_of
from app.orders.types import Group, OrderType, group_terms
from app.risk.check import SetRule
from app.risk.types import RuleKind
from app.venues.house import HOUSE, HouseVenue
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.profile import load_profiles
from app.venues.venues import Venues

PRICE = 100 * UNIT
SYMBOLS = [each for each in INSTRUMENTS if each.kind is InstrumentKind.EQUITY]
SATURDAY = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
AT_ONCE = PaperBehaviour(split=0.0, acknowledge_ms=(0, 0), first_ms=(0, 0), slip_cents=0)
ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class OnePrice:
    """A quote of $100 for everything."""

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        return Quote(instrument_id, "", PRICE, PRICE, PRICE, PRICE, at, simulated=True)


@dataclass(frozen=True, slots=True)
class Floor:
    """What every part uses. The market's clock stands still until it is set."""

    pool: EnginePool
    hub: Hub
    market: Market
    market_clock: ManualClock
    engine: OrderEngine
    commits: GroupCommit
    customers: list[tuple[UUID, int]]

    def order(self, number: int, instrument: Instrument | None = None) -> PlaceOrder:
        """A $10 buy: customers come in turn, and take a random instrument if none is given."""
        account, book = self.customers[number % len(self.customers)]
        instrument = instrument or random.choice(SYMBOLS)
        now = self.market_clock.now()
        terms = terms_of(OrderType.MARKET, None, TimeInForce.DAY, None, instrument, now)
        quote = Quote(instrument.id, "", PRICE, PRICE, PRICE, PRICE, now, simulated=True)
        return PlaceOrder(account, book, instrument.id, Side.BUY, Size(amount=10 * UNIT), quote, "benchmark", terms)

    def group(self, command: PlaceOrder) -> Group:
        """The group in which the order waits."""
        return Group(self.commits.journal.id, command.instrument_id, command.side, group_terms(command.terms))

    async def place(self, command: PlaceOrder) -> UUID:
        """Accepted and noticed, as the API does it."""
        order = await self.commits.submit(place, command)
        self.engine.notice(order.group)
        return order.id

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The engine runs meanwhile."""
        running = asyncio.create_task(self.engine.run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Fills"]:
        """Somebody reads the log meanwhile and notes which orders are filled, and when."""
        journal = self.commits.journal.id
        fills = Fills()
        position = await self.pool.fetchval(
            "SELECT coalesce(max(position), 0) FROM ledger.event WHERE journal_id = $1", journal
        )

        async def watch(position: int) -> None:
            async with self.hub.listen(stream_of_journal(journal)) as bell:
                while True:
                    rows = await self.pool.fetch(_NEWS, journal, position)
                    now = time.perf_counter()
                    for row in rows:
                        if row["type"] == EventType.ORDER_FILLED:
                            fills.at[row["correlation"]] = now
                    position = rows[-1]["position"] if rows else position
                    fills.changed.set()
                    await bell.wait(1.0)

        watching = asyncio.create_task(watch(position))
        try:
            yield fills
        finally:
            watching.cancel()


@dataclass(frozen=True, slots=True)
class Fills:
    """When the fill of each order could be read."""

    at: dict[UUID, float] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, count: int) -> None:
        """Until so many orders are filled. Raises ``TimeoutError`` when nothing happens for three minutes."""
        while len(self.at) < count:
            self.changed.clear()
            known = len(self.at)
            async with asyncio.timeout(180):
                while len(self.at) == known:
                    await self.changed.wait()
                    self.changed.clear()


_NEWS = "SELECT position, type, correlation FROM ledger.event WHERE journal_id = $1 AND position > $2 ORDER BY position"


@asynccontextmanager
async def floor(url: str, at: datetime = MONDAY) -> AsyncIterator[Floor]:
    """A tenant whose customers have money, and an engine that isn't running yet."""
    clock, market_clock = SystemClock(), ManualClock(at)
    pool = await engine_pool(url, 10)
    async with asyncio.TaskGroup() as tasks:
        hub = Hub(Broadcast("memory://"))
        writers = Writers(pool, hub, tasks, clock=clock, market_clock=market_clock)
        async with pool.acquire() as connection:
            await add_instruments(connection)
            journal = await open_tenant(connection, f"Benchmark {new_id()}", clock.now())
            profiles = await load_profiles(connection)
        market = Market({each.id: each for each in INSTRUMENTS}, OnePrice(), market_clock)
        venue = PaperVenue(pool, market, clock=clock, behaviour=AT_ONCE)
        venues = Venues(
            {venue.name: venue, HOUSE: HouseVenue(market)}, dict.fromkeys(InstrumentKind, venue.name), profiles
        )
        engine = OrderEngine(pool, writers, market, venues, hub, clock=clock)
        commits = await writers.of(journal.tenant_id)
        opening = [commits.submit(open_accounts, OpenAccount(new_id(), "x", "benchmark")) for _ in range(ACCOUNTS)]
        ids = await asyncio.gather(*opening)
        rows = await pool.fetch("SELECT id, book_id FROM account WHERE id = ANY ($1)", ids)
        customers = [(row["id"], row["book_id"]) for row in rows]
        paying = [CashMovement(book, 1_000_000 * UNIT, "benchmark") for _, book in customers]
        await asyncio.gather(*(commits.submit(deposit, movement) for movement in paying))
        set_for_batches()
        # One account in eight places everything when orders go one by one: more than a person may.
        many = SetRule(RuleKind.ORDERS_PER_MINUTE, "A benchmark", "benchmark", 10**6 * UNIT, per_account=True)
        await commits.submit(set_rules, many)
        yield Floor(pool, hub, market, market_clock, engine, commits, customers)
        writers.stop()
    await pool.close()
