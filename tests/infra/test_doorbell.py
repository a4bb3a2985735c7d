"""The doorbell's one connection, used from several sides at once."""

import asyncio

import asyncpg
import pytest

from app.infra.doorbell import PostgresDoorbell

#: Far longer than a ring takes.
LONG = 20.0

pytestmark = pytest.mark.asyncio


async def test_listening_begins_and_ends_while_rings_are_under_way(database_url: str) -> None:
    doorbell = PostgresDoorbell(database_url)
    await doorbell.connect()
    connection = await asyncpg.connect(database_url)
    for turn in range(20):
        async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
            tasks.create_task(doorbell.publish("elsewhere", str(turn)))
            tasks.create_task(doorbell.subscribe(f"here {turn}"))
            tasks.create_task(_heard(doorbell, connection, f"here {turn}"))
        await doorbell.unsubscribe(f"here {turn}")
    await connection.close()
    await doorbell.disconnect()


async def test_it_goes_on_after_whatever_a_lost_database_raises(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.doorbell._RETRY_AFTER", 0.01)
    doorbell = PostgresDoorbell(database_url)
    await doorbell.connect()
    listen, lost = doorbell._listen, asyncio.Event()

    async def fail_once() -> None:
        monkeypatch.setattr(doorbell, "_listen", listen)
        lost.set()
        raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")

    monkeypatch.setattr(doorbell, "_listen", fail_once)
    await doorbell.subscribe("here")
    await lost.wait()
    connection = await asyncpg.connect(database_url)
    async with asyncio.timeout(LONG):
        await _heard(doorbell, connection, "here")
    await connection.close()
    await doorbell.disconnect()


async def _heard(doorbell: PostgresDoorbell, connection: "asyncpg.Connection[asyncpg.Record]", channel: str) -> None:
    """Ring from elsewhere until it is heard."""
    hearing = asyncio.create_task(doorbell.next_published())
    while not hearing.done():
        await connection.execute("SELECT pg_notify($1, 'ring')", channel)
        await asyncio.wait([hearing], timeout=0.01)
    assert (await hearing).channel in {channel, *(f"here {turn}" for turn in range(20))}
