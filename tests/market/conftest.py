"""What the tests of the market share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from app.infra.database import ENGINE_ROLE, EngineConnection
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, XNYS


@pytest.fixture(scope="session", autouse=True)
def _calendars() -> None:
    """The calendars, built before any example is timed."""
    for exchange in (XNYS, ALWAYS_OPEN):
        calendar_of(exchange)


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[EngineConnection]:
    """A connection that may write what the engine may."""
    connection = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    yield connection
    await connection.close()
