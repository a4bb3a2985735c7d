"""Readers that follow the log while many write see every event once, in order, without gaps."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from broadcaster import Broadcast

from app.infra.database import api_engine, engine_pool, reading
from app.infra.hub import Hub
from app.kernel.clock import SystemClock
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind, address
from app.ledger.reads import head_position, log_after, streams_after
from app.ledger.types import Entry, Journal, Leg, Refused
from app.ledger.writers import Writers
from tests.ledger.books import books

pytestmark = pytest.mark.asyncio

WRITERS, CALLERS, EACH = 3, 8, 40
#: How much each reader reads at a time.
PAGES = (2, 50, 1_000)


async def spend(batch: Batch, commands: Sequence[tuple[int, int]]) -> list[Any]:
    """Spend of a book's settled cash; some of it is refused, and leaves no gap."""
    entries = [
        Entry(
            NewEvent(book, EventType.WITHDRAWAL, "test", batch.effective_at),
            [Leg(address(book, USD, Kind.SETTLED), address(batch.journal.outside, USD, Kind.FBO), amount)],
        )
        for book, amount in commands
    ]
    verdicts = await batch.post(entries)
    return [Refusal(each.reason, "short") if isinstance(each, Refused) else each.position for each in verdicts]


async def write(url: str, journal: Journal, customers: list[int], number: int) -> int:
    """One process's writer and its callers; answers how many events it wrote."""
    pool = await engine_pool(url, 1)
    clock = SystemClock()
    written = 0
    async with asyncio.TaskGroup() as tasks:
        writers = Writers(pool, Hub(Broadcast("memory://")), tasks, clock=clock, market_clock=clock)
        commits = await writers.of(journal.tenant_id)

        async def call(caller: int) -> None:
            nonlocal written
            for turn in range(EACH):
                amount = 10**9 * UNIT if (turn + caller) % 7 == 0 else 1
                try:
                    await commits.submit(spend, (customers[(caller + number) % len(customers)], amount))
                    written += 1
                except Refusal:
                    pass

        await asyncio.gather(*(call(caller) for caller in range(CALLERS)))
        writers.stop()
    await pool.close()
    return written


async def follow(url: str, journal: Journal, until: "asyncio.Future[int]", page: int) -> list[tuple[int, int, int]]:
    """Read on from where it stood, again and again, until nothing more comes."""
    engine = api_engine(url, 1)
    seen: list[tuple[int, int, int]] = []
    at = 0
    try:
        while not (until.done() and at >= until.result()):
            async with reading(engine, journal.tenant_id) as connection:
                news = await log_after(connection, journal.id, at, page)
            seen += [(event.position, event.book, event.sequence) for event in news]
            at = seen[-1][0] if seen else 0
            await asyncio.sleep(0)
    finally:
        await engine.dispose()
    return seen


async def test_every_reader_sees_every_event_once_and_in_order(database_url: str) -> None:
    async with books(database_url, customers=5) as found:
        bank = address(found.journal.outside, USD, Kind.FBO)
        await found.post(*([Leg(bank, address(book, USD, Kind.SETTLED), UNIT)] for book in found.customers))
        until: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        readers = [asyncio.create_task(follow(database_url, found.journal, until, page)) for page in PAGES]
        writing = [write(database_url, found.journal, found.customers, number) for number in range(WRITERS)]
        written = sum(await asyncio.gather(*writing))
        until.set_result(len(found.customers) + written)
        expected = list(range(1, len(found.customers) + written + 1))
        for seen in await asyncio.gather(*readers):
            assert [position for position, _, _ in seen] == expected
            for book in found.customers:
                sequences = [sequence for _, of, sequence in seen if of == book]
                assert sequences == list(range(1, len(sequences) + 1))
        engine = api_engine(database_url, 1)
        async with reading(engine, found.journal.tenant_id) as connection:
            assert await head_position(connection, found.journal.id) == len(expected)
            [(_, all_of_one)] = (await streams_after(connection, [(found.customers[0], 0)], 10_000)).items()
        await engine.dispose()
        assert [event.sequence for event in all_of_one] == list(range(1, len(all_of_one) + 1))
