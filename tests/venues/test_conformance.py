"""The conformance spec, on the venues that live in this process."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.infra.database import engine_pool
from app.kernel.clock import ManualClock
from app.venues.house import HouseVenue
from app.venues.paper import PaperBehaviour, PaperVenue
from tests.venues.conformance import VenueSpec
from tests.venues.trial import Counterparty, InProcess
from tests.world import WEDNESDAY

SPLITTING = PaperBehaviour(split=1.0)


class TestPaperVenue(VenueSpec):
    @pytest_asyncio.fixture
    async def us(self, database_url: str) -> AsyncIterator[Counterparty]:
        pool = await engine_pool(database_url, 3)
        trial = InProcess(
            lambda market, clock: PaperVenue(pool, market, clock=clock, behaviour=SPLITTING), ManualClock(WEDNESDAY)
        )
        yield Counterparty(trial, trial.clock.now)
        await pool.close()


class TestHouseVenue(VenueSpec):
    remembers = False

    @pytest_asyncio.fixture
    async def us(self) -> Counterparty:
        trial = InProcess(lambda market, clock: HouseVenue(market), ManualClock(WEDNESDAY))
        return Counterparty(trial, trial.clock.now)
