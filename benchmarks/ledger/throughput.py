"""The ledger against pgbench's least double-entry transfer, in one run."""

import asyncio
import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg
import uvloop

from app.infra.collector import set_for_batches
from app.infra.database import ENGINE_ROLE, engine_pool
from app.kernel.clock import SystemClock
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.commit import GroupCommit
from app.ledger.types import Entry, Journal, Leg, Posted
from benchmarks import pgbench


@dataclass(frozen=True, slots=True)
class Transfer:
    """One unit from a book's settled cash to another's."""

    debit: int
    credit: int


async def transfer(batch: Batch, commands: Sequence[Transfer]) -> list[Posted | Refusal]:
    """Every guarantee on: event, sequence and running balance per side, no overdraft, gapless position."""
    verdicts = await batch.post(
        [
            Entry(
                NewEvent(each.debit, EventType.WITHDRAWAL, "benchmark", batch.effective_at),
                [Leg(address(each.debit, USD, Kind.SETTLED), address(each.credit, USD, Kind.SETTLED), 1)],
            )
            for each in commands
        ]
    )
    assert all(isinstance(verdict, Posted) for verdict in verdicts)
    return verdicts  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Measured:
    """Transfers per second, and the callers' waits in milliseconds."""

    rate: float
    p50: float
    p99: float


async def measure(commits: GroupCommit, books: Sequence[int], callers: int, hot: bool, seconds: float) -> Measured:
    """So many callers, each with one transfer under way at a time."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            debit, credit = random.sample(books[1:] if hot else books, 2)
            await commits.submit(transfer, Transfer(books[0] if hot else debit, credit))
            waits.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - started
    cuts = statistics.quantiles(waits, n=100)
    return Measured(len(waits) / took, cuts[49] * 1000, cuts[98] * 1000)


CASES = [(callers, hot) for hot in (False, True) for callers in (1, 100, 1_000)]


async def ours(url: str, seconds: float) -> dict[tuple[int, bool], Measured]:
    """All our cases, by number of callers and whether one account is hot."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    journal = await open_tenant(connection, "Benchmark", SystemClock().now())
    books = await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(pgbench.ACCOUNTS)])
    await connection.close()
    return await write(url, journal, books, CASES, seconds)


async def write(
    url: str, journal: Journal, books: Sequence[int], cases: Iterable[tuple[int, bool]], seconds: float
) -> dict[tuple[int, bool], Measured]:
    """One journal's writer through some cases."""
    clock = SystemClock()
    pool = await engine_pool(url, 3)
    commits = GroupCommit(pool, journal, clock=clock, market_clock=clock, ring=lambda *_: None)
    writer = asyncio.create_task(commits.run())
    await commits.submit(_fund, books)
    found = {(callers, hot): await measure(commits, books, callers, hot, seconds) for callers, hot in cases}
    writer.cancel()
    await pool.close()
    return found


async def _fund(batch: Batch, commands: Sequence[Sequence[int]]) -> list[None]:
    bank = address(batch.journal.outside, USD, Kind.FBO)
    for books in commands:
        await batch.post_facts(
            [
                Entry(
                    NewEvent(book, EventType.DEPOSIT, "benchmark", batch.effective_at),
                    [Leg(bank, address(book, USD, Kind.SETTLED), 1_000_000 * UNIT)],
                )
                for book in books
            ]
        )
    return [None] * len(commands)


def run(url: str, seconds: int) -> None:
    """Measure both and print the ratios."""
    uvloop.run(_setup_peer(url))
    peers = {
        (function, hot): max(
            pgbench.transfers_per_second(url, function=function, hot=hot, clients=clients, seconds=seconds)
            for clients in (1, 8)
        )
        for function in (False, True)
        for hot in (False, True)
    }
    bare = pgbench.commits_per_second(url, seconds)
    set_for_batches()
    results = uvloop.run(ours(url, seconds))
    print("\nLedger: transfers/s; peers are pgbench, the better of 1 and 8 clients, durable commits")
    print(f"  {'case':<22}{'ours':>9}{'p50 ms':>9}{'p99 ms':>9}{'six statements':>18}{'one function':>16}")
    for (callers, hot), found in results.items():
        case = f"{callers} callers, {'hot' if hot else 'spread'}"
        six, one = peers[False, hot], peers[True, hot]
        print(
            f"  {case:<22}{found.rate:>9,.0f}{found.p50:>9.2f}{found.p99:>9.2f}"
            f"{f'{six:,.0f} ({found.rate / six:.1f}×)':>18}{f'{one:,.0f} ({found.rate / one:.1f}×)':>16}"
        )
    alone = results[1, False]
    print(f"  one caller's p50 is {alone.p50 / (1000 / bare):.1f}× a bare durable commit of one row ({bare:,.0f}/s)")


async def _setup_peer(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(pgbench.SETUP)
    await connection.close()
