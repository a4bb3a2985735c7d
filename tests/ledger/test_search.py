"""A time is found among positions as the plain definition says, however unevenly the log grew, and in few steps."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from math import log2
from random import Random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.database import EngineConnection
from tests.ledger.books import NOON, books

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


@asynccontextmanager
async def log_of(
    url: str, recorded: Sequence[datetime], effective: Sequence[datetime]
) -> AsyncIterator[tuple[EngineConnection, int]]:
    """A journal whose events have these times, and the superuser's connection."""
    async with books(url) as found:
        superuser = await asyncpg.connect(url)
        journal = found.journal.id
        try:
            while await superuser.fetchval("SELECT ledger.add_partition($1)", journal) < len(recorded):
                pass
            await superuser.execute(_FILL, journal, found.customers[0], recorded, effective)
            await superuser.execute(_HEAD, journal)
            yield superuser, journal
        finally:
            await superuser.close()


_FILL = """
INSERT INTO ledger.event (journal_id, version, lateness, position, book_id, sequence, recorded_at, effective_at,
                          latest_effective_at, type, actor, data)
SELECT $1, 1, 0, n, $2::bigint, n, recorded, effective, max(effective) OVER (ORDER BY n), 'DEPOSIT', 'test', '{}'
FROM unnest($3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS u(recorded, effective, n)
"""
_HEAD = """
UPDATE ledger.journal_head h
SET position = e.position, recorded_at = e.recorded_at, effective_at = e.latest_effective_at
FROM (SELECT * FROM ledger.event WHERE journal_id = $1 ORDER BY position DESC LIMIT 1) AS e WHERE h.journal_id = $1
"""
_ARCHIVE = """
UPDATE ledger.journal_head h SET archived = e.position, archived_recorded_at = e.recorded_at,
  archived_effective_at = e.latest_effective_at
FROM ledger.event e WHERE e.journal_id = $1 AND e.position = $2 AND h.journal_id = $1
"""
#: Times that are archived are refused, which another test shows.
_WRONG = """
SELECT asked.at, places.*
FROM ledger.journal_head h, (SELECT at, at + interval '1 minute' AS soon FROM unnest($2::timestamptz[]) AS u(at)) asked,
LATERAL (
  SELECT coalesce(max(position) FILTER (WHERE recorded_at <= asked.at), h.archived) AS recorded,
         coalesce(max(position) FILTER (WHERE latest_effective_at <= asked.at), h.archived) AS effective,
         coalesce(max(position) FILTER (WHERE latest_effective_at <= asked.soon), h.archived) AS near
  FROM ledger.event WHERE journal_id = $1 AND position > h.archived) AS places
WHERE h.journal_id = $1
  AND (asked.at >= h.archived_recorded_at AND ledger.position_at($1, asked.at) <> recorded
    OR asked.at >= h.archived_effective_at AND (ledger.effective_position_at($1, asked.at) <> effective
      OR ledger.search($1, true, asked.soon, effective, asked.at, h.position, h.effective_at) <> near))
"""

Gap = Callable[[Random, int], float]
"""Seconds until the next event, which is the how-manyeth."""

GAPS: dict[str, Gap] = {
    "one a second": lambda _, __: 1,
    "now and then": lambda random, _: random.expovariate(1),
    "commits of a hundred": lambda random, n: 0 if n % 100 else random.expovariate(1),
    "by day only": lambda random, n: 60_000 if n % 150 == 0 else random.random() / 100,
    "all at once": lambda _, __: 0,
    "bursts between long pauses": lambda random, _: random.choice([0, 0, 0, 1e-6, 1e-3, 1, 5_000, 3e6]),
    "more and more": lambda _, n: 1e6 / (n + 1) ** 3,
    "less and less": lambda _, n: n**3 / 1e6,
    "one long pause": lambda _, n: 1e9 if n == 3 else 1e-6,
}


def clocks(gap: Gap, length: int, random: Random) -> tuple[list[datetime], list[datetime]]:
    """When events were recorded, and took effect: some of them late, which their effective time tells alone."""
    at, recorded = NOON, []
    for number in range(length):
        at += timedelta(seconds=gap(random, number))
        recorded.append(at)
    late = [0, 0, 0, 1e-6, 30, 60, 100_000]
    return recorded, [at - timedelta(seconds=random.choice(late)) for at in recorded]


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    gap=st.sampled_from(sorted(GAPS)),
    length=st.integers(1, 400),
    archived=st.sampled_from([0, 0, 0.3, 1]),
    seed=st.integers(0, 2**32),
)
def test_any_time_is_found_where_it_stands(
    database_url: str, gap: str, length: int, archived: float, seed: int
) -> None:
    async def check() -> None:
        random = Random(seed)
        recorded, effective = clocks(GAPS[gap], length, random)
        async with log_of(database_url, recorded, effective) as (superuser, journal):
            await superuser.execute(_ARCHIVE, journal, int(archived * length))
            asked = random.choices([*recorded, *effective], k=40)
            asked += [at + random.choice([-1, 1]) * MICROSECOND for at in asked]
            asked += [recorded[0] + (recorded[-1] - recorded[0]) * random.random() for _ in range(40)]
            asked += [NOON - 99 * DAY, recorded[-1] + 99 * DAY]
            assert await superuser.fetch(_WRONG, journal, asked) == []

    asyncio.run(check())


@pytest.mark.asyncio
@pytest.mark.parametrize("says", ["1971-01-01Z", "2999-01-01Z", "infinity", "-infinity"])
async def test_a_head_with_other_times_misleads_nobody(database_url: str, says: str) -> None:
    async with log_of(database_url, *clocks(GAPS["now and then"], 300, Random(1))) as (superuser, journal):
        await superuser.execute(f"UPDATE ledger.journal_head SET recorded_at = '{says}', effective_at = '{says}'")
        asked = await superuser.fetchval("SELECT array_agg(recorded_at) FROM ledger.event")
        assert await superuser.fetch(_WRONG, journal, asked) == []


@pytest.mark.asyncio
async def test_the_ends_of_time_are_times(database_url: str) -> None:
    async with log_of(database_url, *clocks(GAPS["now and then"], 300, Random(1))) as (superuser, journal):
        for function in ("position_at", "effective_position_at"):
            asked = f"SELECT ledger.{function}($1, 'infinity'), ledger.{function}($1, '-infinity')"
            row = await superuser.fetchrow(asked, journal)
            assert row is not None
            assert tuple(row) == (300, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("gap", sorted(GAPS))
async def test_it_takes_few_steps_where_the_log_grew_evenly_and_never_many(database_url: str, gap: str) -> None:
    length, random = 20_000, Random(7)
    recorded, effective = clocks(GAPS[gap], length, random)
    async with log_of(database_url, recorded, effective) as (superuser, journal):
        asked = [recorded[0] + (recorded[-1] - recorded[0]) * random.random() for _ in range(50)]
        steps = [await _steps(superuser, journal, at) for at in [*asked, *random.choices(recorded, k=50)]]
    assert max(steps) <= 16 + log2(length) + 2
    # Halving takes log2(length); among a hundred of one time nothing else can be done.
    few = {"one a second": 6, "now and then": 10, "commits of a hundred": log2(length)}
    assert sum(steps) / len(steps) <= few.get(gap, 99), steps


async def _steps(superuser: EngineConnection, journal: int, at: datetime) -> int:
    async with superuser.transaction():
        before = await superuser.fetchval(_LOOKS)
        await superuser.execute("SELECT ledger.position_at($1, $2)", journal, at)
        looks: int = await superuser.fetchval(_LOOKS) - before
    return looks


_LOOKS = "SELECT sum(idx_scan)::integer FROM pg_stat_xact_user_tables WHERE relname LIKE 'event\\_%'"
