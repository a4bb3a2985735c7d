"""Sealing, verifying and proving a log of some length: ``python -m benchmarks.proof``.

CPU is that of this process; PostgreSQL's comes on top, on another core if there is one.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.infra.collector import set_for_batches
from app.infra.database import ENGINE_ROLE, EngineConnection, api_engine, reading
from app.kernel.clock import SystemClock
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.paging import PageOf
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.post import post_facts
from app.ledger.types import Entry, Journal, Leg
from app.proof.keys import KeyRing
from app.proof.prove import prove_consistency, prove_entries
from app.proof.publisher import FilePublisher
from app.proof.reads import checkpoints
from app.proof.seal import Seals, seal
from app.proof.verify import verify
from benchmarks.stage import stage

_BATCH = 1_000


async def fill(connection: EngineConnection, journal: Journal, books: Sequence[int], entries: int) -> None:
    """Entries like those of fills: a few fields of data, one transfer or two."""
    now = SystemClock().now()
    for _ in range(0, entries, _BATCH):
        batch = []
        for number in range(_BATCH):
            book = random.choice(books)
            data = {"order": str(new_id()), "quantity": "12.50", "amount": "100.00", "instrument": 7}
            event = NewEvent(book, EventType.ORDER_FILLED, "engine", now, correlation=new_id(), data=data)
            leg = Leg(address(journal.outside, USD, Kind.ACH), address(book, USD, Kind.SETTLED), number + 1)
            batch.append(Entry(event, [leg] * (1 + number % 2)))
        await post_facts(connection, journal.id, now, now, batch)


async def run(url: str, folder: Path, entries: int) -> None:
    seals = Seals(KeyRing(Ed25519PrivateKey.generate()), FilePublisher(folder), "benchmark")
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    journal = await open_tenant(connection, "benchmark", SystemClock().now())
    books = await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(1_000)])
    set_for_batches()
    for part in range(1, 4):
        await fill(connection, journal, books, entries // 3)
        wall, cpu = time.perf_counter(), time.process_time()
        assert await seal(connection, seals, journal, SystemClock().now())
        say(f"seal part {part}", entries // 3, wall, cpu)
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        found = await verify(connection, seals, journal)
        assert not found.faults, found.faults
        say("verify", found.entries, wall, cpu)
    await connection.close()
    await prove(url, journal)


def say(what: str, entries: int, wall: float, cpu: float) -> None:
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {entries / wall:,.0f} entries/s, {cpu / entries * 1e6:.1f} µs of CPU an entry")


async def prove(url: str, journal: Journal) -> None:
    """One entry's proof at a time, anywhere in the log, and one log's from another."""
    engine = api_engine(url, 1)
    async with reading(engine, journal.tenant_id) as read:
        newest, *older = (await checkpoints(read, journal.id, PageOf(3))).items
        waits: dict[str, list[float]] = {"inclusion": [], "consistency": []}
        for _ in range(200):
            started = time.perf_counter()
            assert await prove_entries(read, newest, [random.randrange(newest.size) + 1])
            waits["inclusion"].append(time.perf_counter() - started)
            started = time.perf_counter()
            await prove_consistency(read, random.choice(older), newest)
            waits["consistency"].append(time.perf_counter() - started)
    await engine.dispose()
    for what, found in waits.items():
        print(f"{what} proof: {statistics.median(found) * 1e3:.1f} ms p50, {max(found) * 1e3:.1f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=300_000)
    asked = parser.parse_args()
    with stage() as (_, url), tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(url, Path(folder), asked.entries // 3_000 * 3_000))


if __name__ == "__main__":
    main()
