"""Reads of many operations in one transaction: one moment, one tenant, and each gets what it asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import ENGINE_ROLE, api_engine, reading
from app.infra.shared_reads import SharedReads
from app.kernel.clock import SystemClock
from app.kernel.errors import Refusal
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


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_goes_wrong_nobody_sees_another_tenants_rows(database_url: str, seed: int) -> None:
    """Many tenants on few connections: callers go away at any moment, reads fail, run out of time and are cut off."""
    random = Random(seed)
    writing = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    tenants = {(await open_tenant(writing, f"{number}", SystemClock().now())).tenant_id: number for number in range(8)}
    superuser = await asyncpg.connect(database_url)
    engine = api_engine(database_url, 2)
    shared = SharedReads(engine, most=3)
    wrong: list[object] = []

    async def names(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, list[str]]:
        if random.random() < 0.15:
            await connection.execute(text(random.choice(("SELECT 1 / 0", "SELECT * FROM nothing"))))
        if random.random() < 0.1:
            await connection.execute(text("SET LOCAL statement_timeout = 1"))
            await connection.execute(text("SELECT pg_sleep(1)"))
        if random.random() < 0.1:
            raise Refusal(Reason.DENIED, "not theirs")
        found = list((await connection.execute(text("SELECT name FROM tenant"))).scalars())
        return dict.fromkeys(keys, found)

    async def ask(tenant: UUID) -> None:
        try:
            if random.random() < 0.7:
                found = await shared.load(tenant, names, str(random.randrange(4)))
            else:
                async with reading(engine, tenant, by_key=random.random() < 0.5) as connection:
                    found = (await names(connection, ["a"]))["a"]
        except _MAY_HAPPEN:
            return
        if found != [str(tenants[tenant])]:
            wrong.append((tenant, found))

    for _ in range(25):
        asked = [asyncio.create_task(ask(random.choice(list(tenants)))) for _ in range(24)]
        for _ in range(random.randrange(6)):
            await asyncio.sleep(random.choice((0, 0, 0.001, 0.003)))
            random.choice(asked).cancel()
        if random.random() < 0.3:
            await superuser.execute(_CUT_OFF)
        async with asyncio.timeout(30):
            await asyncio.wait(asked)
        failed = [task.exception() for task in asked if not task.cancelled() and task.exception()]
        assert failed == []
    assert wrong == []
    assert await shared.load(next(iter(tenants)), Counted(may=_set()).names, "a") == ["0"], "and it goes on"
    await shared.close()
    assert shared._asked == {}
    await engine.dispose()
    await superuser.close()
    await writing.close()


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


class Reason(StrEnum):
    """Why a read is refused."""

    DENIED = "DENIED"


#: asyncpg calls it internal when it is given a statement after the last word of a server that hung up.
_MAY_HAPPEN = (
    DBAPIError,
    Refusal,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'wealthgraph-api' AND datname = current_database()
"""
