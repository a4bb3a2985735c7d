"""Reads of many operations in one transaction: one moment, one tenant, and each gets what it asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import ENGINE_ROLE, api_engine
from app.infra.shared_reads import SharedReads
from app.kernel.clock import SystemClock
from app.ledger.books import open_tenant

pytestmark = pytest.mark.asyncio


@dataclass
class Counted:
    """A read that notes what it was asked for, and waits until it may go on."""

    asked: list[Sequence[str]] = field(default_factory=list)
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def names(self, connection: AsyncConnection, keys: Sequence[str]) -> dict[str, list[str]]:
        """By key, the names of all tenants that can be seen."""
        self.asked.append(keys)
        await self.may.wait()
        names = list((await connection.execute(text("SELECT name FROM tenant ORDER BY name"))).scalars())
        return {key: names for key in keys if key != "absent"}


@asynccontextmanager
async def reads(url: str) -> AsyncIterator[tuple[SharedReads, list[UUID]]]:
    """Reads on a database with two tenants, Ann's and Bob's."""
    writing = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    tenants = [(await open_tenant(writing, name, SystemClock().now())).tenant_id for name in ("Ann's", "Bob's")]
    await writing.close()
    engine = api_engine(url, 2)
    shared = SharedReads(engine, most=50)
    try:
        yield shared, tenants
    finally:
        await shared.close()
        await engine.dispose()


async def test_what_is_asked_while_one_reads_is_read_together(database_url: str) -> None:
    async with reads(database_url) as (shared, [ann, _]), asyncio.TaskGroup() as tasks:
        read = Counted()
        first = [tasks.create_task(shared.load(ann, read.names, key)) for key in ("a", "b", "a", "absent")]
        while not read.asked:
            await asyncio.sleep(0)
        later = [tasks.create_task(shared.load(ann, read.names, f"{number}")) for number in range(60)]
        await asyncio.sleep(0)
        assert read.asked == [["a", "b", "absent"]]
        read.may.set()
        assert [await task for task in first] == [["Ann's"], ["Ann's"], ["Ann's"], None]
        assert [await task for task in later] == [["Ann's"]] * 60
        assert [len(keys) for keys in read.asked] == [3, 50, 10]


async def test_two_tenants_are_never_read_together(database_url: str) -> None:
    async with reads(database_url) as (shared, [ann, bob]):
        read = Counted()
        read.may.set()
        asked = [shared.load(tenant, read.names, "all") for _ in range(3) for tenant in (ann, bob)]
        assert await asyncio.gather(*asked) == [["Ann's"], ["Bob's"]] * 3
        assert await shared.load(UUID(int=1), read.names, "all") == []


async def test_what_was_committed_before_one_asked_is_seen(database_url: str) -> None:
    async with reads(database_url) as (shared, [ann, _]), asyncio.TaskGroup() as tasks:
        slow, read = Counted(), Counted()
        read.may.set()
        under_way = tasks.create_task(shared.load(ann, slow.names, "a"))
        while not slow.asked:
            await asyncio.sleep(0)
        writing = await asyncpg.connect(database_url)
        await writing.execute("UPDATE tenant SET name = 'Anna''s' WHERE id = $1", ann)
        await writing.close()
        asked = tasks.create_task(shared.load(ann, read.names, "a"))
        slow.may.set()
        assert await under_way == ["Ann's"], "as of the moment when it began"
        assert await asked == ["Anna's"]


async def test_who_goes_away_takes_nobody_along(database_url: str) -> None:
    async with reads(database_url) as (shared, [ann, _]), asyncio.TaskGroup() as tasks:
        read = Counted()
        leaving, staying = (tasks.create_task(shared.load(ann, read.names, key)) for key in "ab")
        while not read.asked:
            await asyncio.sleep(0)
        waiting = tasks.create_task(shared.load(ann, read.names, "c"))
        await asyncio.sleep(0)
        leaving.cancel()
        waiting.cancel()
        read.may.set()
        assert await staying == ["Ann's"]
        await asyncio.wait([leaving, waiting])
        assert read.asked == [["a", "b"]], "for whom nobody waits nothing is read"


async def test_a_failure_is_told_to_those_whom_it_concerns_and_over(database_url: str) -> None:
    async with reads(database_url) as (shared, [ann, _]):
        read = Counted()
        read.may.set()

        async def fail(connection: AsyncConnection, _: Sequence[str]) -> dict[str, str]:
            await connection.execute(text("SELECT 1 / 0"))
            return {}

        found = await asyncio.gather(*(shared.load(ann, fail, key) for key in "ab"), return_exceptions=True)
        assert [type(each) for each in found] == [DBAPIError, DBAPIError]
        assert await shared.load(ann, read.names, "a") == ["Ann's"]
