"""The doorbell: inside a process, between processes, and after the connection was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from broadcaster import Broadcast

from app.infra.doorbell import PostgresDoorbell
from app.infra.hub import Hub

pytestmark = pytest.mark.asyncio

#: Far longer than a ring takes; a test that waits this long has failed.
LONG = 20.0


@asynccontextmanager
async def hubs(url: str, count: int) -> AsyncIterator[list[Hub]]:
    """As many hubs as there would be processes, all listening."""
    made = [Hub(Broadcast(backend=PostgresDoorbell(url))) for _ in range(count)]
    tasks = [asyncio.create_task(hub.run()) for hub in made]
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(LONG):
            while await connection.fetchval(_LISTENING) < count:
                await asyncio.sleep(0)
        yield made
    finally:
        await connection.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'wealthgraph-doorbell' AND datname = current_database()
"""
#: Idle, because a LISTEN counts from its commit on.
_LISTENING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'wealthgraph-doorbell' AND datname = current_database() AND query ILIKE 'LISTEN%'
  AND state = 'idle'
"""


async def test_a_ring_wakes_those_who_wait_for_the_stream_here_and_elsewhere(database_url: str) -> None:
    async with (
        hubs(database_url, 2) as (here, there),
        here.listen("book:1") as one,
        there.listen("book:1", "book:2") as two,
        there.listen("book:3") as other,
    ):
        here.ring(["book:1"])
        assert await one.wait(LONG)
        assert await two.wait(LONG)
        here.ring(["book:2"])
        assert await two.wait(LONG)
        assert not await other.wait(0)


async def test_rings_that_nobody_waits_for_are_remembered_as_one(database_url: str) -> None:
    async with hubs(database_url, 1) as (hub,), hub.listen("book:1") as bell:
        for _ in range(100):
            hub.ring(["book:1"])
        assert await bell.wait(LONG)
        assert not await bell.wait(0)


async def test_a_ring_for_very_many_streams_wakes_everybody(database_url: str) -> None:
    async with hubs(database_url, 2) as (here, there), there.listen("book:7") as bell:
        here.ring(f"book:{number}" for number in range(5_000))
        assert await bell.wait(LONG)


async def test_the_doorbell_mends_itself(database_url: str) -> None:
    async with hubs(database_url, 2) as (here, there), there.listen("book:1") as bell:
        connection = await asyncpg.connect(database_url)
        killed = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wealthgraph-doorbell'"
        )
        await connection.execute(killed + " AND datname = current_database()")
        await connection.close()
        async with asyncio.timeout(LONG):
            while not await bell.wait(0.05):
                here.ring(["book:1"])


async def test_it_may_be_stopped_before_it_listens(database_url: str) -> None:
    """At any moment of its beginning."""
    for turns in range(40):
        running = asyncio.create_task(Hub(Broadcast(backend=PostgresDoorbell(database_url))).run())
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
