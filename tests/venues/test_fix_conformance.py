"""The conformance spec, on a venue at the other end of a FIX session."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.infra.database import EnginePool
from app.venues.paper import PaperBehaviour
from tests.venues.conformance import VenueSpec
from tests.venues.fix_trial import counterparty, fix_trial
from tests.venues.trial import Counterparty


class TestFixVenue(VenueSpec):
    sends_before_changing = True

    @pytest_asyncio.fixture
    async def us(self, pool: EnginePool) -> AsyncIterator[Counterparty]:
        async with fix_trial(pool, PaperBehaviour(split=1.0)) as trial:
            yield counterparty(trial)
