"""A checkpoint a minute is half a million in a year: making the next one, and checking all, must not grow with them."""

from dataclasses import dataclass, replace

import pytest

from app.proof.seal import seal
from app.proof.verify import verify
from tests.proof.publishing import MemoryPublisher
from tests.proof.sealed import attacking, fill_up
from tests.proof.sealing import sizes
from tests.world import World, running

pytestmark = pytest.mark.asyncio
MANY = 2_500


async def with_many(world: World, url: str, name: str) -> None:
    """A log with a checkpoint, and many made-up ones before it under that name, published as the database says."""
    await fill_up(world, MANY + 100)
    await world.seal()
    async with attacking(url) as superuser:
        await superuser.execute(_MANY.format(journal=world.commits.journal.id, many=MANY, name=name))
        await superuser.execute("ANALYZE ledger.checkpoint, ledger.publication")


async def test_the_next_one_is_made_without_a_look_at_those_long_ago(database_url: str) -> None:
    async with running(database_url) as world:
        await with_many(world, database_url, world.seals.origin(world.commits.journal))
        await world.investor(10)
        async with world.pool.acquire() as connection, connection.transaction():
            assert await seal(connection, world.seals, world.commits.journal, world.clock.now())
            assert await connection.fetchval(_ROWS_READ) < 100


@dataclass
class Counting(MemoryPublisher):
    """Counts how often it is asked what it has."""

    asked: int = 0

    def sizes(self, origin: str) -> list[int]:
        self.asked += 1
        return super().sizes(origin)


async def test_what_was_published_under_another_name_is_listed_once(database_url: str) -> None:
    async with running(database_url) as world:
        publisher = Counting()
        world.seals = replace(world.seals, publisher=publisher)
        await with_many(world, database_url, "before.example")
        publisher.asked = 0
        for size in range(2, MANY + 1):
            publisher.publish("before.example", size, f"before.example\n{size}")
        async with world.pool.acquire() as connection:
            assert (await verify(connection, world.seals, world.commits.journal)).faults == []
            del publisher.notes["before.example", 2_222]
            found = await verify(connection, world.seals, world.commits.journal)
        assert found.faults == [
            "the checkpoint at 2222, under another name, is not in the database as it was published"
        ]
        assert publisher.asked == 4
        assert (await sizes(world))[-1] > MANY


_MANY = """
INSERT INTO ledger.checkpoint (journal_id, size, previous_size, root, made_at, note)
SELECT {journal}, n, n - 1, sha256(n::text::bytea), '2026-01-01Z', '{name}' || E'\\n' || n
FROM generate_series(2, {many}) AS n;
INSERT INTO ledger.publication (journal_id, size, published_at)
SELECT {journal}, n, '2026-01-01Z' FROM generate_series(2, {many}) AS n;
"""
#: By the transaction so far.
_ROWS_READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer FROM pg_stat_xact_user_tables
WHERE relname IN ('checkpoint', 'publication')
"""
