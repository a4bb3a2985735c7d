"""The doorbell's one connection, used from several sides at once."""

import asyncio

import pytest

from app.infra.doorbell import PostgresDoorbell

pytestmark = pytest.mark.asyncio


async def test_listening_begins_and_ends_while_rings_are_under_way(database_url: str) -> None:
    doorbell = PostgresDoorbell(database_url)
    await doorbell.connect()
    for turn in range(20):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(doorbell.publish("elsewhere", str(turn)))
            tasks.create_task(doorbell.subscribe("here"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(doorbell.publish("elsewhere", str(turn)))
            tasks.create_task(doorbell.unsubscribe("here"))
    await doorbell.disconnect()
