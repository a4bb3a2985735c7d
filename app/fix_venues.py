"""Wiring of FIX: the venue that FIX_VENUE names, and the sandbox venue that ships with the project."""

import asyncio
import signal
from datetime import timedelta

import structlog

from app.fix.acceptor import Acceptor
from app.fix.types import Role, SessionConfig, SessionId
from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import Clock, SystemClock
from app.market import clock as market_clock
from app.market.beat import beat
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, INSTRUMENTS, XNYS
from app.market.load import load
from app.market.market import Market
from app.market.splits import SplitQuotes, load_split_quotes, watch
from app.settings import Settings
from app.venues.fix.adapter import FixVenue
from app.venues.fix.desk import VenueDesk
from app.venues.paper import PaperVenue

log = structlog.get_logger(__name__)


def fix_venue(pool: EnginePool, settings: Settings, clock: Clock, market_clock: Clock) -> FixVenue:
    """The venue that the settings name; it is connected for as long as its ``run`` is running.

    Raises ``ValueError`` if they name none.
    """
    if settings.fix_venue is None:
        raise ValueError("FIX_VENUE is not set: give it the venue's host:port")
    host, _, port = settings.fix_venue.rpartition(":")
    instruments = {each.id: each for each in INSTRUMENTS}
    config = _session(settings, Role.INITIATOR)
    return FixVenue(pool, config, (host, int(port)), instruments, clock=clock, market_clock=market_clock)


async def serve_sandbox_venue(url: str, settings: Settings) -> None:
    """Deal on the simulated market, for the one client that the settings name, until told to stop."""
    clock = SystemClock()
    await asyncio.gather(*(asyncio.to_thread(calendar_of, exchange) for exchange in (XNYS, ALWAYS_OPEN)))
    pool = await engine_pool(url, 5)
    try:
        async with pool.acquire() as connection:
            await load(connection)
            quotes = await load_split_quotes(connection, settings.market_seed)
            market_time = await market_clock.resume(connection, clock, speed=settings.market_speed)
        instruments = {each.id: each for each in INSTRUMENTS}
        desk = VenueDesk(
            pool,
            _session(settings, Role.ACCEPTOR),
            PaperVenue(pool, Market(instruments, quotes, market_time), clock=clock),
            instruments,
            clock=clock,
            venue_clock=clock,
            market_clock=market_time,
        )
        await _serve(desk, pool, market_time, quotes, settings)
    finally:
        await pool.close()


async def _serve(
    desk: VenueDesk, pool: EnginePool, time: market_clock.MarketClock, quotes: SplitQuotes, settings: Settings
) -> None:
    async with asyncio.TaskGroup() as tasks:
        working = [
            tasks.create_task(desk.run(), name="FIX desk"),
            tasks.create_task(beat(pool, time)),
            tasks.create_task(watch(pool, quotes.splits)),
        ]
        host, port = settings.sandbox_venue_host, settings.sandbox_venue_port
        async with Acceptor([desk.line]).listening(host, port) as port:
            log.info("FIX sandbox venue is open", host=host, port=port, session=str(desk.line.config.id))
            await _told_to_stop()
        for task in working:
            task.cancel()


def _session(settings: Settings, role: Role) -> SessionConfig:
    us, them = settings.fix_sender, settings.fix_target
    names = SessionId(us, them) if role is Role.INITIATOR else SessionId(them, us)
    return SessionConfig(names, role, timedelta(seconds=settings.fix_heartbeat))


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
