"""The command ``wealthgraph sandbox-venue``: a process of its own, killed and started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.fix_venues import fix_venue
from app.infra.database import EnginePool
from app.kernel.clock import SystemClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market import clock as market_clock
from app.market.catalogue import INSTRUMENTS
from app.market.types import Side, TimeInForce
from app.settings import Settings
from app.venues.fix.adapter import FixVenue
from app.venues.port import Change, ReportKind, VenueOrder
from tests.ports import free_port
from tests.venues.tale import Tale

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

KO = next(each for each in INSTRUMENTS if each.symbol == "KO")


@asynccontextmanager
async def sandbox_venue(url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    program = "from app.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "sandbox-venue", "--port", str(port), env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()
            assert process.returncode == 0


@asynccontextmanager
async def adapter(pool: EnginePool, port: int) -> AsyncIterator[FixVenue]:
    settings = Settings(fix_venue=f"127.0.0.1:{port}", fix_heartbeat=5, _env_file=None)  # type: ignore[call-arg]
    async with pool.acquire() as connection:
        time = await market_clock.resume(connection, SystemClock())
    venue = fix_venue(pool, settings, SystemClock(), time)
    task = asyncio.create_task(venue.run())
    try:
        yield venue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(venue: FixVenue, tales: list[Tale], true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            reports = await venue.reports(SystemClock().now())
            for tale in tales:
                tale.listen(reports)
            await venue.taken(reports)
            await asyncio.sleep(0.02)


async def test_orders_survive_the_venues_death(pool: EnginePool, database_url: str) -> None:
    port = free_port()
    async with adapter(pool, port) as venue:
        tales = [Tale(VenueOrder(new_id(), KO.id, Side.BUY, 100 * UNIT)) for _ in range(20)]
        resting = Tale(VenueOrder(new_id(), KO.id, Side.BUY, 100 * UNIT, UNIT, TimeInForce.GTC))
        everything = [*tales, resting]
        async with sandbox_venue(database_url, port) as process:
            await until(venue, everything, venue.line.logged_on.is_set)
            for tale in everything:
                await venue.submit(tale.order)
            await until(venue, everything, lambda: any(tale.of(ReportKind.EXECUTION) for tale in tales))
            process.kill()
            await process.wait()
        assert not all(tale.is_over for tale in tales)
        async with sandbox_venue(database_url, port):
            await until(venue, everything, venue.line.logged_on.is_set)
            for tale in everything:
                assert await venue.knows(tale.order) is True
            assert await venue.knows(VenueOrder(new_id(), KO.id, Side.BUY, UNIT)) is False
            await until(venue, everything, lambda: all(tale.executed == 100 * UNIT for tale in tales))
            await venue.change(Change(resting.order, 1, 0, None))
            await until(venue, everything, lambda: resting.ending is not None)
    for tale in tales:
        tale.check_in_order()
    assert resting.kinds == {ReportKind.NEW, ReportKind.CANCELED}
    assert await pool.fetchval("SELECT count(*) FROM paper.venue_order") == len(everything)


async def test_without_a_venue_in_the_settings_there_is_none(pool: EnginePool) -> None:
    with pytest.raises(ValueError, match="FIX_VENUE"):
        fix_venue(pool, Settings(_env_file=None), SystemClock(), SystemClock())  # type: ignore[call-arg]
