"""Full load against one order per transaction, and how long orders wait at full and at half load."""

import asyncio
import statistics
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.kernel.clock import SystemClock
from app.ledger.commit import GroupCommit
from app.orders.gather import gather
from app.orders.hear import Told
from app.orders.place import place
from app.orders.reports import apply_reports
from app.orders.statement import Gather
from app.orders.types import Capacity
from app.venues.house import HOUSE
from app.venues.paper_dealing import PAPER
from app.venues.port import Report, ReportKind
from benchmarks.orders.floor import PRICE, SYMBOLS, Floor, floor

CALLERS = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Orders per second, and how long each order waited between its acceptance and its fill (milliseconds)."""

    rate: float
    waits: Sequence[float]

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.waits, n=100)
        return f"p50 {cuts[49]:,.0f} ms, p99 {cuts[98]:,.0f} ms, of which the window is 50 ms"


async def full_load(floor: Floor, orders: int, callers: int = CALLERS) -> Measured:
    """So many callers, each with one acceptance under way at a time."""
    accepted: dict[UUID, float] = {}
    numbers = iter(range(orders))

    async def caller() -> None:
        for number in numbers:
            accepted[await floor.place(floor.order(number))] = time.perf_counter()

    return await _measure(floor, accepted, orders, [caller() for _ in range(callers)])


async def paced(floor: Floor, orders: int, per_second: float) -> Measured:
    """Orders arrive evenly, however long they take."""
    accepted: dict[UUID, float] = {}
    started = time.perf_counter()

    async def one(number: int) -> None:
        await asyncio.sleep(started + number / per_second - time.perf_counter())
        accepted[await floor.place(floor.order(number))] = time.perf_counter()

    return await _measure(floor, accepted, orders, [one(number) for number in range(orders)])


async def _measure(
    floor: Floor, accepted: dict[UUID, float], orders: int, work: Sequence[Coroutine[Any, Any, None]]
) -> Measured:
    async with floor.working(), floor.watched() as fills:
        started = time.perf_counter()
        await asyncio.gather(*work)
        await fills.wait_for(orders)
    took = max(fills.at.values()) - started
    return Measured(orders / took, [(fills.at[id_] - at) * 1000 for id_, at in accepted.items()])


async def one_at_a_time(floor: Floor, orders: int, workers: int) -> float:
    """Orders per second with the same functions, each order in transactions of its own; its venue costs nothing."""
    clock = SystemClock()
    alone = GroupCommit(
        floor.pool,
        floor.commits.journal,
        clock=clock,
        market_clock=floor.market_clock,
        ring=lambda *_: None,
        batch_limit=1,
    )
    writer = asyncio.create_task(alone.run())
    queue = iter(range(orders))

    async def work(worker: int) -> None:
        instrument = SYMBOLS[worker]
        dates = floor.market.trade_dates(instrument)
        for _ in queue:
            command = floor.order(worker, instrument)
            await alone.submit(place, command)
            due = Gather(floor.group(command), clock.now(), PRICE, instrument.whole_shares, PAPER, *dates, sends=True)
            made = (await alone.submit(gather, due)).market_order
            assert made is not None
            venue = HOUSE if made.capacity is Capacity.PRINCIPAL else PAPER
            at = datetime.now(UTC)
            fill = Report(venue, made.id, ReportKind.EXECUTION, at, str(made.id), made.quantity, PRICE, made.quantity)
            await alone.submit(apply_reports, Told(fill, *dates))

    started = time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(workers)))
    took = time.perf_counter() - started
    writer.cancel()
    return orders / took


async def run(url: str, orders: int, alone: int) -> None:
    """Measure all of it on one database, twice where it is compared, and print the ratios."""
    async with floor(url) as here:
        await full_load(here, min(orders, 2_000))  # warm up
        single = {workers: await one_at_a_time(here, alone, workers) for workers in (1, 8)}
        full = await full_load(here, orders)
        half = await paced(here, orders // 2, full.rate / 2)
        again = {workers: await one_at_a_time(here, alone, workers) for workers in (1, 8)}
    best = max(*single.values(), *again.values())
    print(f"\nOrders: {orders:,} $10 buys over {len(SYMBOLS)} instruments, {CALLERS:,} callers, durable commits")
    print(f"  engine (accept → window → allocate → post): {full.rate:,.0f} orders/s")
    print(f"  one order per transaction, the best of 1 and 8 workers, before and after: {best:,.0f} orders/s")
    print(f"    {', '.join(f'{w} workers {single[w]:,.0f} and {again[w]:,.0f}' for w in single)}")
    print(f"  ratio: {full.rate / best:.1f}×")
    print(f"  acceptance to fill at this load: {full}")
    print(f"  acceptance to fill at half of it ({half.rate:,.0f} orders/s): {half}")
