"""The order engine against itself one order at a time, in one run: ``python -m benchmarks.orders``.

From acceptance through window, statement and execution to the posted fill, on a durable database. The peer runs the
same functions with one order per transaction, the better of 1 and 8 workers. The venue answers at once in both.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import uvloop
from broadcaster import Broadcast

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.open import OpenAccount, open_accounts
from app.infra.database import EnginePool, engine_pool
from app.infra.hub import Hub
from app.kernel.clock import SystemClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.books import open_tenant
from app.ledger.commit import GroupCommit
from app.ledger.writers import Writers
from app.market.catalogue import INSTRUMENTS
from app.market.load import add_instruments
from app.market.market import Market
from app.market.types import Quote, Side
from app.orders.close_window import CloseWindow, close_windows
from app.orders.engine import OrderEngine
from app.orders.execute import HOUSE, apply_reports
from app.orders.place import PlaceOrder, place
from app.orders.request import Size
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Report, ReportKind
from benchmarks.stage import stage

PRICE = 100 * UNIT
SYMBOLS = [each for each in INSTRUMENTS if each.kind == "equity"]
IN_SESSION = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
AT_ONCE = PaperBehaviour(split=0.0, acknowledge_ms=(0, 0), first_ms=(0, 0), slip_cents=0)
ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class InSession:
    """A market clock that stands still while the exchange is open."""

    def now(self) -> datetime:
        return IN_SESSION


@dataclass(frozen=True, slots=True)
class OnePrice:
    """A quote of $100 for everything."""

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        return Quote(instrument_id, "", PRICE, PRICE, PRICE, PRICE, at, simulated=True)


@dataclass(frozen=True, slots=True)
class Floor:
    """What both sides of the comparison use."""

    pool: EnginePool
    engine: OrderEngine
    commits: GroupCommit
    customers: list[tuple[UUID, int]]

    def order(self) -> PlaceOrder:
        """A random customer's $10 buy of a random instrument."""
        account, book = random.choice(self.customers)
        instrument = random.choice(SYMBOLS)
        return PlaceOrder(account, book, instrument.id, Side.BUY, Size(amount=10 * UNIT), PRICE, "benchmark")


@asynccontextmanager
async def floor(url: str) -> AsyncIterator[Floor]:
    """A tenant with customers who have money, and an engine that isn't running yet."""
    clock, market_clock, quotes = SystemClock(), InSession(), OnePrice()
    pool = await engine_pool(url, 10)
    async with asyncio.TaskGroup() as tasks:
        hub = Hub(Broadcast("memory://"))
        writers = Writers(pool, hub, tasks, clock=clock, market_clock=market_clock)
        async with pool.acquire() as connection:
            await add_instruments(connection)
            journal = await open_tenant(connection, f"Benchmark {new_id()}", clock.now())
        market = Market({each.id: each for each in INSTRUMENTS}, quotes, market_clock)
        venue = PaperVenue(pool, market, clock=clock, behaviour=AT_ONCE)
        engine = OrderEngine(pool, writers, market, venue, clock=clock)
        commits = await writers.of(journal.tenant_id)
        opening = [commits.submit(open_accounts, OpenAccount(new_id(), "x", "benchmark")) for _ in range(ACCOUNTS)]
        ids = await asyncio.gather(*opening)
        rows = await pool.fetch("SELECT id, book_id FROM account WHERE id = ANY ($1)", ids)
        customers = [(row["id"], row["book_id"]) for row in rows]
        paying = [CashMovement(book, 1_000_000 * UNIT, "benchmark") for _, book in customers]
        await asyncio.gather(*(commits.submit(deposit, movement) for movement in paying))
        yield Floor(pool, engine, commits, customers)
        writers.stop()
    await pool.close()


async def through_the_engine(floor: Floor, orders: int, callers: int) -> tuple[float, list[float]]:
    """Orders per second from the first acceptance to the last posted fill, and each order's time from acceptance."""
    running = asyncio.create_task(floor.engine.run())
    turn = asyncio.Semaphore(callers)

    async def one() -> None:
        async with turn:
            command = floor.order()
            await floor.commits.submit(place, command)
            floor.engine.notice(floor.commits.journal.id, command.instrument_id, command.side)

    before = await floor.pool.fetchval(_ENDED)
    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(orders)))
    while await floor.pool.fetchval(_ENDED) < before + orders:
        await asyncio.sleep(0.01)
    took = time.perf_counter() - started
    running.cancel()
    waits = await floor.pool.fetch(_WAITS, orders)
    return orders / took, [row["wait"] for row in waits]


_ENDED = "SELECT count(*) FROM customer_order WHERE ended_at IS NOT NULL"
_WAITS = """SELECT extract(epoch FROM ended_at - placed_at)::float8 * 1000 AS wait
FROM customer_order ORDER BY id DESC LIMIT $1"""


async def one_at_a_time(floor: Floor, orders: int, workers: int) -> float:
    """The same functions, each order in transactions of its own."""
    alone = GroupCommit(
        floor.pool,
        floor.commits.journal,
        clock=SystemClock(),
        market_clock=InSession(),
        ring=lambda *_: None,
        batch_limit=1,
    )
    writer = asyncio.create_task(alone.run())
    queue = iter(range(orders))
    symbols = {worker: SYMBOLS[worker] for worker in range(workers)}

    async def work(worker: int) -> None:
        account, book = floor.customers[worker]
        for _ in queue:
            instrument = symbols[worker].id
            command = PlaceOrder(account, book, instrument, Side.BUY, Size(amount=10 * UNIT), PRICE, "benchmark")
            await alone.submit(place, command)
            now, day = datetime.now(UTC), IN_SESSION.date()
            close = CloseWindow(instrument, Side.BUY, now, PRICE, True, day, day, floor.engine.id)
            made = (await alone.submit(close_windows, close)).market_order
            assert made is not None
            venue, quantity = ("paper", made.quantity) if made.quantity else (HOUSE, made.requested)
            fill = Report(venue, made.id, ReportKind.EXECUTION, now, str(made.id), quantity, PRICE)
            await alone.submit(apply_reports, fill)

    started = time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(workers)))
    took = time.perf_counter() - started
    writer.cancel()
    return orders / took


async def compare(url: str, orders: int) -> None:
    """Measure both on one database and print the ratio."""
    async with floor(url) as here:
        await through_the_engine(here, min(orders, 2_000), 1_000)  # warm up
        rate, waits = await through_the_engine(here, orders, 1_000)
        single = {workers: await one_at_a_time(here, 300, workers) for workers in (1, 8)}
    _report(orders, rate, waits, single)


def _report(orders: int, rate: float, waits: Sequence[float], single: dict[int, float]) -> None:
    cuts = statistics.quantiles(waits, n=100)
    best = max(single, key=lambda workers: single[workers])
    print(f"\nOrders: {orders:,} $10 buys over {len(SYMBOLS)} instruments, 1,000 callers, durable commits")
    print(f"  engine (accept → window → allocate → post): {rate:,.0f} orders/s")
    print(f"  acceptance to fill at this load: p50 {cuts[49]:,.0f} ms, p99 {cuts[98]:,.0f} ms (window 50 ms)")
    print(f"  one order per transaction, the better of 1 and 8 workers ({best}): {single[best]:,.0f} orders/s")
    print(f"  ratio: {rate / single[best]:.1f}×")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    asked = parser.parse_known_args()[0]
    with stage() as (_, url):
        uvloop.run(compare(url, asked.orders))


if __name__ == "__main__":
    main()
