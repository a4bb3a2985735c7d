"""Replaying one book reads what is in it, not the log that it is a small part of."""

import asyncpg
import pytest

from app.infra.database import EngineConnection
from app.kernel.money import UNIT
from app.ledger.chart import USD, Kind, address
from app.ledger.replay import replay
from app.ledger.types import Leg
from tests.ledger.books import books

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("statistics", [True, False])
async def test_a_small_book_of_a_long_log_is_replayed_from_its_own_entries(database_url: str, statistics: bool) -> None:
    root = await asyncpg.connect(database_url)
    await root.execute("ALTER TABLE ledger.journal ALTER partition_size SET DEFAULT 8192")
    async with books(database_url) as log:
        bank = address(log.journal.outside, USD, Kind.FBO)
        small, large = (Leg(bank, address(book, USD, Kind.SETTLED), UNIT) for book in log.customers[:2])
        for _ in range(4):
            await log.post(*[[small]] * 5)
            await log.post(*[[large]] * 4_000, book=log.customers[1])
        if statistics:
            await root.execute("ANALYZE")
        before = await read_so_far(root)
        found = await replay(log.connection, log.journal.id, log.customers[0])
        assert (found.entries, found.disagreement) == (20, None)
        await log.connection.execute("SELECT pg_stat_force_next_flush()")
        assert await read_so_far(root) - before < 500
    await root.close()


async def read_so_far(root: EngineConnection) -> int:
    """How many transfers were read in this database since it was made, as far as was told."""
    found: int = await root.fetchval(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
        " WHERE schemaname = 'ledger' AND relname LIKE 'transfer_%'"
    )
    return found
