"""Connections to PostgreSQL: the engine's own (raw asyncpg) and the API's (SQLAlchemy Core, read-only, one tenant).

Two roles, made by the migrations: ``wealthgraph_engine`` writes and sees every tenant; ``wealthgraph_api`` reads
under forced row-level security and sees only the tenant that its transaction names.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import MetaData, Numeric, TypeDecorator, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.kernel.money import to_decimal, to_units

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    EnginePool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    EngineConnection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    EnginePool = asyncpg.Pool
    EngineConnection = asyncpg.Connection

#: Every table of every room, as the migrations make them.
metadata = MetaData()


class Units(TypeDecorator[int]):
    """A ``numeric(38, 8)`` column that reads and writes as whole units of 1e-8."""

    impl = Numeric(38, 8)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else to_decimal(value)

    def process_result_value(self, value: Any, dialect: Any) -> int | None:
        return None if value is None else to_units(value)


ENGINE_ROLE = "wealthgraph_engine"
API_ROLE = "wealthgraph_api"

#: A process that is stopped inside a batch must not hold a journal's lock for ever.
PATIENCE = {"idle_in_transaction_session_timeout": "10s", "lock_timeout": "15s", "statement_timeout": "60s"}

#: What the engine works on is in memory, so that reaching a row by its key costs no more than the next one of a scan.
#: With PostgreSQL's own figure, for turning disks, a batch reads whole tables until they have grown large.
PLANNING = {"random_page_cost": "1.0"}

#: A read that takes longer than this is given up, so that one bad query can't hold a connection.
READ_TIMEOUT = "5s"


async def _leave_as_is(_: EngineConnection) -> None:
    """Settings are only ever made for one transaction, so a released connection needs no RESET (a round trip)."""


async def engine_pool(url: str, size: int) -> EnginePool:
    """A pool of connections that may write. The caller closes it."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        reset=_leave_as_is,
        server_settings={"role": ENGINE_ROLE, "application_name": "wealthgraph", **PATIENCE, **PLANNING},
    )


def api_engine(url: str, size: int) -> AsyncEngine:
    """SQLAlchemy's engine for the API's reads. The caller disposes of it."""
    settings = {"role": API_ROLE, "application_name": "wealthgraph-api", "statement_timeout": READ_TIMEOUT}
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, server_settings=settings),
        pool_size=size,
        max_overflow=0,
        isolation_level="REPEATABLE READ",
        pool_reset_on_return=None,
    )


@asynccontextmanager
async def reading(engine: AsyncEngine, tenant_id: UUID) -> AsyncIterator[AsyncConnection]:
    """One read-only transaction that sees one tenant, all of it as of one moment."""
    async with engine.connect() as connection:
        connection = await connection.execution_options(postgresql_readonly=True)
        async with connection.begin():
            await connection.execute(text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": str(tenant_id)})
            yield connection
