"""Many orders at one moment: at the open, and in one market order; and how long a small command waits meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.kernel.errors import Overloaded, Refusal
from app.kernel.events import EventType
from app.kernel.money import UNIT
from app.orders.gather import MAX_PARTICIPANTS
from app.orders.place import PlaceOrder
from benchmarks.orders.floor import MONDAY, SATURDAY, SYMBOLS, Floor, floor


@dataclass(slots=True)
class Probe:
    """A $1 deposit after the other: how long each waited (seconds), and how many were turned away."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    over: bool = False

    async def run(self, floor: Floor) -> None:
        """Until it is over; what waits then is waited for."""
        _, book = floor.customers[0]
        while not self.over:
            await asyncio.sleep(0.005)
            started = time.perf_counter()
            try:
                await floor.commits.submit(deposit, CashMovement(book, UNIT, "benchmark"))
                self.waits.append(time.perf_counter() - started)
            except Overloaded:
                self.refused += 1


@asynccontextmanager
async def probing(floor: Floor) -> AsyncIterator[Probe]:
    """A probe runs meanwhile."""
    probe = Probe()
    running = asyncio.create_task(probe.run(floor))
    yield probe
    probe.over = True
    await running


async def at_the_open(url: str, orders: int) -> None:
    """So many orders are submitted at once while the exchange is closed; then it opens."""
    async with floor(url, SATURDAY) as here, here.working(), here.watched() as fills:
        started = time.perf_counter()
        async with probing(here) as before:
            refused = await _all_at_once(here, [here.order(number) for number in range(orders)])
            accepted_in = time.perf_counter() - started
        here.market_clock.advance(MONDAY - here.market_clock.now())
        started = time.perf_counter()
        async with probing(here) as after:
            await fills.wait_for(orders - refused)
        drained_in = time.perf_counter() - started
    print(f"\nThe open: {orders:,} $10 buys submitted at once while the exchange is closed; then it opens")
    print(f"  accepted in {accepted_in:.2f} s, {refused} refused; a $1 deposit waited {_longest(before)}")
    print(f"  filled in {drained_in:.2f} s; a $1 deposit waited {_longest(after)}")


async def one_large_order(url: str, orders: int) -> None:
    """So many orders for one instrument wait when the exchange opens: one market order."""
    orders = min(orders, MAX_PARTICIPANTS)
    async with floor(url, SATURDAY) as here:
        for start in range(0, orders, 10_000):
            part = range(start, min(start + 10_000, orders))
            assert not await _all_at_once(here, [here.order(number, SYMBOLS[0]) for number in part])
        async with here.watched() as fills, here.working():
            here.market_clock.advance(MONDAY - here.market_clock.now())
            async with probing(here) as probe:
                await fills.wait_for(orders)
        phases = await here.pool.fetchrow(_PHASES, here.commits.journal.id)
    assert phases is not None
    print(f"\nOne market order of {phases['participants']:,} participants ({phases['market_orders']} market orders)")
    print(
        f"  gathering {phases['gathering']:.2f} s, sending and planning {phases['planning']:.2f} s,"
        f" sharing out {phases['sharing']:.2f} s"
    )
    print(f"  a $1 deposit waited {_longest(probe)}")


async def _all_at_once(floor: Floor, commands: Sequence[PlaceOrder]) -> int:
    """Answers how many were refused."""
    answers = await asyncio.gather(*(floor.place(each) for each in commands), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, BaseException)]
    for each in refused:
        if not isinstance(each, Overloaded | Refusal):
            raise each
    return len(refused)


def _longest(probe: Probe) -> str:
    waits = sorted(probe.waits)
    refused = f", {probe.refused} were refused" if probe.refused else ""
    return f"{waits[-1] * 1000:,.0f} ms at the longest, {waits[len(waits) // 2] * 1000:,.1f} ms p50{refused}"


_PHASES = f"""
SELECT (SELECT max(participants) FROM market_order WHERE journal_id = $1) AS participants,
  (SELECT count(*) FROM market_order WHERE journal_id = $1) AS market_orders,
  extract(epoch FROM max(recorded_at) FILTER (WHERE type = '{EventType.MARKET_ORDER_CREATED}')
    - min(recorded_at) FILTER (WHERE type = '{EventType.ORDER_NEW}'))::float8 AS gathering,
  extract(epoch FROM min(recorded_at) FILTER (WHERE type = '{EventType.ORDER_FILLED}')
    - max(recorded_at) FILTER (WHERE type = '{EventType.MARKET_ORDER_CREATED}'))::float8 AS planning,
  extract(epoch FROM max(recorded_at) FILTER (WHERE type = '{EventType.ORDER_FILLED}')
    - min(recorded_at) FILTER (WHERE type = '{EventType.ORDER_FILLED}'))::float8 AS sharing
FROM ledger.event WHERE journal_id = $1
"""
