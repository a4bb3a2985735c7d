"""A big batch after many small ones: plans that were kept for small batches must not make the big one slow."""

import time

import asyncpg

from app.infra.database import ENGINE_ROLE, EngineConnection
from app.kernel.clock import SystemClock
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.post import post
from app.ledger.types import Entry, Journal, Leg

SMALL, BIG = 3, 8_000


async def run(url: str) -> None:
    """Print what a big batch takes on a fresh connection and after a thousand small ones, per transfer."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    journal = await open_tenant(connection, "Plans", SystemClock().now())
    books = await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(1_000)])
    fresh = await _batch(connection, journal, books, BIG)
    await connection.close()
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    small = [await _batch(connection, journal, books, SMALL) for _ in range(1_000)][-500:]
    after = await _batch(connection, journal, books, BIG)
    await connection.close()
    print(
        f"\nPlans: {BIG:,} transfers in one batch: {fresh * 1e6:.0f} µs each at first, {after * 1e6:.0f} µs each after"
        f" 1,000 batches of {SMALL} ({after / fresh:.2f}×; these: {sum(small) / len(small) * 1e6:.0f} µs each)"
    )


async def _batch(connection: EngineConnection, journal: Journal, books: list[int], size: int) -> float:
    """Seconds for each transfer of one batch, committed."""
    now = SystemClock().now()
    bank = address(journal.outside, USD, Kind.FBO)
    entries = [
        Entry(
            NewEvent(books[index % len(books)], EventType.DEPOSIT, "benchmark", now),
            [Leg(bank, address(books[index % len(books)], USD, Kind.SETTLED), 1)],
        )
        for index in range(size)
    ]
    started = time.perf_counter()
    async with connection.transaction():
        await post(connection, journal.id, now, now, entries)
    return (time.perf_counter() - started) / size
