"""What several tests of the ledger begin with."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.chart import USD, Kind, address
from app.ledger.types import Leg
from tests.ledger.books import Books, books
from tests.ledger.tampering import CLOCK


@pytest_asyncio.fixture
async def log(database_url: str) -> AsyncIterator[Books]:
    """Each of three customers has had three deposits, all of it proven."""
    async with books(database_url) as found:
        bank = address(found.journal.outside, USD, Kind.FBO)
        for _ in range(3):
            for book in found.customers:
                await found.post([Leg(bank, address(book, USD, Kind.SETTLED), UNIT)], book=book)
        assert (await prove(found.connection, found.journal, CLOCK)).disagreement is None
        yield found
