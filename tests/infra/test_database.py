"""Connections go back to the pool without a tenant, however a read ended, or they do not go back."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.infra.database import ENGINE_ROLE, api_engine, reading
from app.kernel.clock import SystemClock
from app.ledger.books import open_tenant

pytestmark = pytest.mark.asyncio

_STATE = text("SELECT coalesce(current_setting('app.tenant', true), ''), count(*) FROM tenant")


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """With one connection, so that the next reader gets what the last one left."""
    engine = api_engine(database_url, 1)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def tenant(database_url: str) -> UUID:
    writing = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    opened = await open_tenant(writing, "Ann's", SystemClock().now())
    await writing.close()
    return opened.tenant_id


async def left(engine: AsyncEngine) -> tuple[str, int]:
    """What the connection that is in the pool now names as its tenant, and how many tenants it sees."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        assert not driver.is_in_transaction()
        [(named, seen)] = await connection.execute(_STATE)
        return named, seen


async def test_a_read_sees_its_tenant_and_leaves_none(engine: AsyncEngine, tenant: UUID) -> None:
    async with reading(engine, tenant) as connection:
        assert list(await connection.execute(_STATE)) == [(tenant.hex, 1)]
        assert await connection.scalar(text("SELECT current_setting('transaction_isolation')")) == "repeatable read"
        assert await connection.scalar(text("SELECT current_setting('transaction_read_only')")) == "on"
    assert await left(engine) == ("", 0)
    async with reading(engine, UUID(int=1)) as connection:
        assert list(await connection.execute(_STATE)) == [(UUID(int=1).hex, 0)]


async def test_all_of_a_read_is_of_the_moment_when_it_began(
    engine: AsyncEngine, tenant: UUID, database_url: str
) -> None:
    writing = await asyncpg.connect(database_url)
    async with reading(engine, tenant) as connection:
        await writing.execute("UPDATE tenant SET name = 'Anna''s' WHERE id = $1", tenant)
        assert await connection.scalar(text("SELECT name FROM tenant")) == "Ann's"
    await writing.close()


async def test_a_read_that_fails_leaves_no_tenant(engine: AsyncEngine, tenant: UUID) -> None:
    with pytest.raises(DBAPIError):
        async with reading(engine, tenant) as connection:
            await connection.execute(text("SELECT 1 / 0"))
    assert await left(engine) == ("", 0)
    with pytest.raises(LookupError):
        async with reading(engine, tenant):
            raise LookupError
    assert await left(engine) == ("", 0)


@pytest.mark.parametrize("steps", range(12))
async def test_a_read_that_is_given_up_at_any_step_leaves_no_tenant(
    engine: AsyncEngine, tenant: UUID, steps: int
) -> None:
    async def read() -> None:
        async with reading(engine, tenant) as connection:
            await connection.execute(text("SELECT pg_sleep(0.01)"))

    task = asyncio.create_task(read())
    for _ in range(steps):
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    assert await left(engine) == ("", 0)


async def test_a_connection_that_was_lost_meanwhile_is_not_handed_out(
    engine: AsyncEngine, tenant: UUID, database_url: str
) -> None:
    async with reading(engine, tenant) as connection:
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
    superuser = await asyncpg.connect(database_url)
    assert await superuser.fetchval("SELECT pg_terminate_backend($1, 5000)", process)
    await superuser.close()
    await asyncio.sleep(0)  # the loop hears of it
    async with reading(engine, tenant) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM tenant")) == 1
