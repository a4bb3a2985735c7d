"""Keeps the market's clock written down, so that a restart goes on from where it stood."""

import asyncio

import structlog

from app.infra.database import LOST, EnginePool
from app.market import clock as market_clock

log = structlog.get_logger(__name__)


async def beat(pool: EnginePool, clock: market_clock.MarketClock) -> None:
    """Write down now and then that the market's clock is running."""
    while True:
        try:
            async with pool.acquire() as connection:
                await clock.heartbeat(connection)
        except LOST as error:
            log.warning("the market's clock was not written down", error=repr(error))
        await asyncio.sleep(market_clock.HEARTBEAT.total_seconds())
