"""An instrument that very many have: a chunk of them costs what a chunk is, not what is still to come."""

import re
from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from app.corporate_actions.holders import holders_among, next_books
from app.kernel.money import UNIT
from app.orders.entitled import Holding, holdings_before
from tests.corporate_actions.company import FRIDAY
from tests.world import World, running

pytestmark = pytest.mark.asyncio

BOOKS, FIRST = 20_000, 1_000_000


async def test_a_chunk_looks_at_its_own_books_only(database_url: str) -> None:
    async with running(database_url) as world:
        ko = world.instrument("KO").id
        await many_have(world, database_url, ko)
        looked_at: list[int] = []
        batch: Any = SimpleNamespace(journal=world.commits.journal, connection=Explaining(world, looked_at))
        after = FIRST + 9_000 - 1
        books = await next_books(batch, ko, after, 10)
        assert books == list(range(after + 1, after + 11))
        assert [each.total for each in await holders_among(batch, ko, books)] == [UNIT] * 10
        held = await holdings_before(batch, ko, FRIDAY, books)
        assert held == [Holding(book, UNIT) for book in books]
        assert sum(looked_at) < 1_000


class Explaining:
    """A connection that says of each statement how many rows were looked at for it."""

    def __init__(self, world: World, looked_at: list[int]) -> None:
        self._pool = world.pool
        self._looked_at = looked_at

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Any]:
        plan = await self._pool.fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {statement}", *arguments)
        for line in (row[0] for row in plan):
            if found := re.search(r"Scan.*actual.*rows=(\d+)\.\d+ loops=(\d+)", line):
                self._looked_at.append(int(found[1]) * int(found[2]))
            if found := re.search(r"Removed by (?:Filter|Join Filter|Index Recheck): (\d+)", line):
                self._looked_at.append(int(found[1]))
        return await self._pool.fetch(statement, *arguments)


async def many_have(world: World, url: str, instrument: int) -> None:
    """So many books have a share that they bought long ago."""
    root = await asyncpg.connect(url)
    await root.execute("SET session_replication_role = replica")  # whose they are and how they were bought is left out
    journal = world.commits.journal
    await root.execute(_BOOKS, journal.id, FIRST, BOOKS)
    await root.execute(_ACCOUNTS, journal.id, FIRST, BOOKS, instrument)
    await root.execute(_LOTS, journal.tenant_id, FIRST, BOOKS, instrument, date(2020, 1, 2))
    await root.execute("ANALYZE")
    await root.close()


_BOOKS = """
INSERT INTO ledger.book (id, journal_id, kind, reference) OVERRIDING SYSTEM VALUE
SELECT $2 + i, $1, 'customer', gen_random_uuid() FROM generate_series(0, $3::bigint - 1) AS i
"""
_ACCOUNTS = """
INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
SELECT ($2::bigint + i) << 25 | ($4::integer << 5) | 6, $1, $2 + i, $4, 6, 1, 1, false
FROM generate_series(0, $3::bigint - 1) AS i
"""
_LOTS = """
INSERT INTO lot (id, order_id, tenant_id, book_id, instrument_id, opened_on, quantity, cost, remaining, remaining_cost)
SELECT gen_random_uuid(), gen_random_uuid(), $1, $2::bigint + i, $4, $5, 1, 1, 1, 1
FROM generate_series(0, $3::bigint - 1) AS i
"""
