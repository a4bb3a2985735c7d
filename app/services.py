"""Wiring: from settings and a database to the rooms at work. ``running`` is the whole back office without a surface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from broadcaster import Broadcast

from app.infra.database import EnginePool, api_engine, engine_pool
from app.infra.doorbell import PostgresDoorbell
from app.infra.hub import Hub
from app.kernel.clock import SystemClock
from app.ledger.writers import Writers
from app.market import clock as market_clock
from app.market.bridge import load_quotes
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, INSTRUMENTS, XNYS
from app.market.load import load
from app.market.market import Market
from app.market.types import InstrumentKind
from app.orders.engine import OrderEngine
from app.settings import Settings
from app.venues.house import HOUSE, HouseVenue
from app.venues.paper import PaperVenue
from app.venues.profile import load_profiles
from app.venues.venues import Venues
from resolvers.context import Services

log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(url: str, settings: Settings) -> AsyncIterator[Services]:
    """The rooms at work on the (migrated) database at ``url``, until the block is left; then they finish and stop."""
    clock = SystemClock()
    # Building the calendars takes a second of pure computing: not on the event loop.
    await asyncio.gather(*(asyncio.to_thread(calendar_of, exchange) for exchange in (XNYS, ALWAYS_OPEN)))
    pool = await engine_pool(url, 10)
    api = api_engine(url, 10)
    hub = Hub(Broadcast(backend=PostgresDoorbell(url)))
    try:
        async with pool.acquire() as connection:
            loaded = await load(connection)
            quotes = await load_quotes(connection, settings.market_seed)
            profiles = await load_profiles(connection)
            market_time = await market_clock.resume(connection, clock, speed=settings.market_speed)
        if loaded.bars:
            log.info("price history loaded", instruments=loaded.instruments, bars=loaded.bars)
        market = Market({each.id: each for each in INSTRUMENTS}, quotes, market_time)
        async with asyncio.TaskGroup() as tasks:
            writers = Writers(pool, hub, tasks, clock=clock, market_clock=market_time)
            venue = PaperVenue(pool, market, clock=clock)
            venues = Venues(
                {venue.name: venue, HOUSE: HouseVenue(market)},
                {InstrumentKind.EQUITY: venue.name, InstrumentKind.CRYPTO: venue.name},
                profiles,
            )
            engine = OrderEngine(pool, writers, market, venues, hub, clock=clock)
            running_tasks = [
                tasks.create_task(hub.run(), name="hub"),
                tasks.create_task(engine.run(), name="order engine"),
                tasks.create_task(beat(pool, market_time), name="market clock"),
            ]
            try:
                yield Services(
                    api, pool, writers, market, engine, hub, clock, sandbox_rail=settings.sandbox_rail, simulated=True
                )
            finally:
                for task in running_tasks:
                    task.cancel()
                writers.stop()
    finally:
        await api.dispose()
        await pool.close()


async def beat(pool: EnginePool, clock: market_clock.MarketClock) -> None:
    """Write down now and then that the market's clock is running."""
    while True:
        try:
            async with pool.acquire() as connection:
                await clock.heartbeat(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("the market's clock was not written down", error=repr(error))
        await asyncio.sleep(market_clock.HEARTBEAT.total_seconds())
