"""What the code thinks the tables are, and what the migrations make of them."""

import asyncio

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.accounting.tables
import app.cases.tables
import app.clients.tables
import app.ledger.tables
import app.market.tables
import app.orders.tables
import app.proof.tables
import app.risk.tables  # noqa: F401 - each registers its tables
from app.infra import embedded, migrate
from app.infra.database import metadata

pytestmark = pytest.mark.asyncio


async def test_every_table_and_column_of_the_code_is_in_the_database(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_schemas": True, "compare_type": True})
        return [each for each in compare_metadata(context, metadata) if _matters(each)]

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


def _matters(difference: object) -> bool:
    """Tables, indexes and constraints that the code has no name for are the migrations' own business."""
    kind = difference[0] if isinstance(difference, tuple) else difference
    return kind in ("add_table", "add_column", "remove_column") or isinstance(kind, tuple)


async def test_migrating_twice_at_once_migrates_once(postgres: embedded.Server) -> None:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE racing")
    url = postgres.url("racing")
    assert await migrate.current(url) is None
    await asyncio.gather(*(asyncio.to_thread(asyncio.run, migrate.upgrade(url)) for _ in range(3)))
    assert await migrate.current(url) == migrate.newest()
    await connection.execute("DROP DATABASE racing WITH (FORCE)")
    await connection.close()
