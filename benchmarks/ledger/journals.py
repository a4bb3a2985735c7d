"""Two journals, each with a writer process of its own, against one: they share a machine, not a lock."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import asyncpg
import uvloop

from app.infra.database import ENGINE_ROLE
from app.kernel.clock import SystemClock
from app.kernel.ids import new_id
from app.ledger.books import journal_of, open_books, open_tenant
from app.ledger.chart import BookKind
from app.ledger.types import Journal
from benchmarks import pgbench
from benchmarks.ledger.throughput import write

CALLERS = 1_000


def run(url: str, seconds: float) -> None:
    """Print what one journal takes, what two take together, and the ratio."""
    journals = uvloop.run(_open(url))
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_write, [url] * 2, journals, [0.5] * 2))  # both have started, and have their plans
        [one] = pool.map(_write, [url], journals[:1], [seconds])
        both = sum(pool.map(_write, [url] * 2, journals, [seconds] * 2))
    print(f"\nJournals, {CALLERS} callers each: one {one:,.0f} transfers/s, two {both:,.0f} ({both / one:.2f}×)")


async def _open(url: str) -> list[Journal]:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    made = []
    for name in ("First", "Second"):
        journal = await open_tenant(connection, name, SystemClock().now())
        await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(pgbench.ACCOUNTS)])
        made.append(journal)
    await connection.close()
    return made


def _write(url: str, journal: Journal, seconds: float) -> float:
    """A writer process: transfers per second."""

    async def work() -> float:
        connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
        rows = await connection.fetch(
            "SELECT id FROM ledger.book WHERE journal_id = $1 AND kind = 'customer' ORDER BY 1", journal.id
        )
        found = await journal_of(connection, journal.tenant_id)
        await connection.close()
        return (await write(url, found, [row["id"] for row in rows], {(CALLERS, False)}, seconds))[CALLERS, False].rate

    return uvloop.run(work())
