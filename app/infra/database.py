"""Connections to PostgreSQL: the engine's own (raw asyncpg) and the API's (SQLAlchemy Core, read-only, one tenant).

Two roles, made by the migrations: ``wealthgraph_engine`` writes and sees every tenant; ``wealthgraph_api`` reads
under forced row-level security and sees only the tenant that its transaction names.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import ColumnElement, MetaData, Numeric, TypeDecorator, any_, bindparam, event
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DisconnectionError
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


def among_keys(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the column is one of the list ``keys`` that comes with the statement.

    With it a statement can be made once: it is the same for any number of keys, here and in the database.
    """
    return column == any_(bindparam("keys", type_=ARRAY(column.type)))


#: What a statement raises when the database is lost. The last is asyncpg tripping over itself, when a connection breaks
#: while it prepares a statement.
LOST: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def is_loss(error: Exception) -> bool:
    """Whether the database, not a command, is what failed: then trying the commands one by one would not help."""
    if isinstance(error, asyncpg.DataError):
        return False
    return isinstance(
        error,
        OSError
        | asyncpg.PostgresConnectionError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError
        | asyncpg.InsufficientResourcesError
        | asyncpg.PostgresSystemError
        | asyncpg.LockNotAvailableError
        | asyncpg.OperatorInterventionError,
    )


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
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, server_settings=settings),
        pool_size=size,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",  # it is ``reading`` that begins and ends transactions
        pool_reset_on_return=None,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "checkout", _leave_if_closed)
    return engine


def _leave_if_closed(connection: Any, *_: object) -> None:
    """The pool then takes another: this one was lost while nobody used it, or given up by ``reading``."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def driver_of(connection: AsyncConnection) -> EngineConnection:
    """The driver's own connection, in the same transaction: for SQL that the API shares with the engine."""
    found: EngineConnection = connection.sync_connection.connection.driver_connection  # type: ignore[union-attr,assignment]
    return found


#: Said before a transaction's snapshot is taken. Which partitions a table has is no part of a snapshot: without this,
#: one could leave the log after it, and its entries would be gone while the balances that stand for them can't be seen.
HOLD_LOG = "LOCK TABLE ONLY ledger.event IN ACCESS SHARE MODE"


@asynccontextmanager
async def one_moment(connection: EngineConnection) -> AsyncIterator[None]:
    """One read-only transaction of the engine's, in which all is as of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(HOLD_LOG)
        yield


@asynccontextmanager
async def reading(engine: AsyncEngine, tenant_id: UUID, *, by_key: bool = False) -> AsyncIterator[AsyncConnection]:
    """One read-only transaction that sees one tenant, all of it as of one moment.

    ``by_key`` says that everything is found by its key. Row-level security adds the tenant to each search, and while
    a table has no statistics the planner would read the whole of the tenant's index for each key: 40 keys among 5,000
    events took 4 ms instead of 0.1.
    """
    async with engine.connect() as connection:
        driver: EngineConnection = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
        try:
            # One message, so that there is no transaction without its tenant; and the tenant ends with it.
            await driver.execute(
                f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {HOLD_LOG};"
                f" SELECT set_config('app.tenant', '{tenant_id.hex}', true)"
                + ("; SET LOCAL enable_bitmapscan = off" if by_key else "")
            )
            yield connection
            if not driver.is_closed():
                await driver.execute("COMMIT")
        except BaseException:
            # Where it stands is uncertain now, so nobody gets it again; this can't be interrupted.
            driver.terminate()
            raise
