"""What the tests of venues share."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import ManualClock
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, XNYS
from app.venues.house import HouseVenue
from app.venues.paper import PaperBehaviour, PaperVenue
from tests.venues.trial import Counterparty, InProcess
from tests.world import WEDNESDAY


@pytest.fixture(scope="session", autouse=True)
def _calendars() -> None:
    """The calendars, built before any example is timed."""
    for exchange in (XNYS, ALWAYS_OPEN):
        calendar_of(exchange)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[EnginePool]:
    """Connections that may write what the engine may."""
    pool = await engine_pool(database_url, 3)
    yield pool
    await pool.close()


PaperMarket = Callable[[PaperBehaviour], Counterparty]


@pytest.fixture
def paper(pool: EnginePool) -> PaperMarket:
    """Makes a counterparty of a paper venue that behaves in a given way."""

    def make(behaviour: PaperBehaviour) -> Counterparty:
        trial = InProcess(
            lambda market, clock: PaperVenue(pool, market, clock=clock, behaviour=behaviour), ManualClock(WEDNESDAY)
        )
        return Counterparty(trial, trial.clock.now)

    return make


@pytest.fixture
def house() -> Counterparty:
    """A counterparty of the house."""
    trial = InProcess(lambda market, clock: HouseVenue(market), ManualClock(WEDNESDAY))
    return Counterparty(trial, trial.clock.now)
