"""Wiring: from settings and a database to the rooms at work. ``running`` is the whole back office without a surface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from broadcaster import Broadcast

from app.accounting.bookkeeper import Bookkeeper
from app.accounting.paper_custodian import PaperCustodian
from app.cases.disagreement import report_disagreement
from app.corporate_actions import job as corporate_actions
from app.fix_venues import fix_venue
from app.infra.database import api_engine, engine_pool
from app.infra.doorbell import PostgresDoorbell
from app.infra.hub import Hub
from app.infra.shared_reads import SharedReads
from app.kernel.clock import SystemClock
from app.ledger.audit import Auditor
from app.ledger.writers import Writers
from app.market import clock as market_clock
from app.market.beat import beat
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, INSTRUMENTS, XNYS
from app.market.load import load
from app.market.market import Market
from app.market.splits import load_split_quotes, watch
from app.market.types import InstrumentKind
from app.orders.engine import OrderEngine
from app.proofs import sealer_of, seals_of
from app.settings import Settings
from app.venues.house import HOUSE, HouseVenue
from app.venues.paper import PaperVenue
from app.venues.port import Venue
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
    shared_reads = SharedReads(api)
    hub = Hub(Broadcast(backend=PostgresDoorbell(url)))
    try:
        async with pool.acquire() as connection:
            loaded = await load(connection)
            quotes = await load_split_quotes(connection, settings.market_seed)
            profiles = await load_profiles(connection)
            market_time = await market_clock.resume(connection, clock, speed=settings.market_speed)
        if loaded.bars:
            log.info("price history loaded", instruments=loaded.instruments, bars=loaded.bars)
        market = Market({each.id: each for each in INSTRUMENTS}, quotes, market_time)
        async with asyncio.TaskGroup() as tasks:
            connections: list[asyncio.Task[None]] = []
            writers = Writers(pool, hub, tasks, clock=clock, market_clock=market_time)
            venue = PaperVenue(pool, market, clock=clock)
            by_name: dict[str, Venue] = {venue.name: venue, HOUSE: HouseVenue(market)}
            routes = {InstrumentKind.EQUITY: venue.name, InstrumentKind.CRYPTO: venue.name}
            if settings.fix_venue is not None:
                exchange = fix_venue(pool, settings, clock, market_time)
                by_name[exchange.name] = exchange
                routes[InstrumentKind.EQUITY] = exchange.name
                connections.append(tasks.create_task(exchange.run(), name="FIX session"))
            seals = seals_of(settings)
            sealer = sealer_of(pool, writers, seals, clock)
            venues = Venues(by_name, routes, profiles)
            engine = OrderEngine(pool, writers, market, venues, hub, clock=clock)
            custodian = PaperCustodian(pool, market_time)
            kept = timedelta(days=settings.idempotency_days)
            bookkeeper = Bookkeeper(pool, writers, market, custodian, clock=clock, answers_kept=kept)
            running_tasks = [
                *connections,
                tasks.create_task(hub.run(), name="hub"),
                tasks.create_task(engine.run(), name="order engine"),
                tasks.create_task(bookkeeper.run(), name="bookkeeper"),
                tasks.create_task(beat(pool, market_time), name="market clock"),
                tasks.create_task(Auditor(pool, clock, partial(report_disagreement, writers)).run(), name="auditor"),
                tasks.create_task(watch(pool, quotes.splits), name="splits"),
                tasks.create_task(corporate_actions.run(pool, writers, market), name="corporate actions"),
                tasks.create_task(sealer.run(), name="sealer"),
            ]
            try:
                yield Services(
                    api=api,
                    shared_reads=shared_reads,
                    engine_pool=pool,
                    writers=writers,
                    market=market,
                    orders=engine,
                    hub=hub,
                    custodian=custodian,
                    clock=clock,
                    seals=seals,
                    sandbox_rail=settings.sandbox_rail,
                    simulated=True,
                )
            finally:
                for task in running_tasks:
                    task.cancel()
                writers.stop()
    finally:
        await shared_reads.close()
        await api.dispose()
        await pool.close()
