"""The paper venue: deals nothing, but behaves like a venue, with a memory of its own.

What becomes of an order is decided once, when it arrives, by chance drawn from a seed, and stored: how long it takes,
in how many executions at which prices, or that it is rejected or left unfilled in part. So a venue that is asked
again, in another process or after a crash, tells the same story.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Any
from uuid import UUID

import orjson

from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.kernel.money import CENT, UNIT
from app.market.quotes import QuoteSource
from app.market.types import Quote, Side
from app.venues.port import Change, Report, ReportKind, VenueOrder


@dataclass(frozen=True, slots=True)
class PaperBehaviour:
    """How the venue behaves: chances between 0 and 1, latencies in milliseconds, everything drawn from ``seed``."""

    seed: int = 7
    reject: float = 0.0
    leave_rest: float = 0.0
    split: float = 0.35
    most_executions: int = 4
    first_ms: tuple[int, int] = (15, 120)
    next_ms: tuple[int, int] = (20, 200)
    slip_cents: int = 1


class PaperVenue:
    """A ``Venue`` on the simulated market. ``clock`` times its reports; quotes are taken at the market's time."""

    name = "paper"

    def __init__(
        self,
        pool: EnginePool,
        quotes: QuoteSource,
        *,
        clock: Clock,
        market_clock: Clock,
        behaviour: PaperBehaviour | None = None,
    ) -> None:
        self._pool = pool
        self._quotes = quotes
        self._clock = clock
        self._market_clock = market_clock
        self._behaviour = behaviour or PaperBehaviour()
        self._chance = random.Random(self._behaviour.seed)  # noqa: S311 - a simulation
        self._due: list[tuple[datetime, int, Report]] = []
        self._order = count()

    async def submit(self, order: VenueOrder) -> None:
        """Take the order, or recognise it: the first plan made for an id is the one that counts."""
        now = self._clock.now()
        plan = self._plan(order)
        async with self._pool.acquire() as connection:
            made = await connection.fetchval(
                "INSERT INTO paper.venue_order VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING true",
                str(order.client_order_id),
                now,
                orjson.dumps(plan).decode(),
            )
        if made:
            self._expect(order.client_order_id, now, plan)
        else:
            await self.knows(order)

    async def change(self, change: Change) -> None:
        """What arrived here is as good as dealt: there is nothing left to change."""

    async def knows(self, order: VenueOrder) -> bool | None:
        """Whether the venue has the order; if so, all its reports come (again), those still to come included."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "SELECT received_at, reports FROM paper.venue_order WHERE client_order_id = $1",
                str(order.client_order_id),
            )
        if row is None:
            return False
        self._expect(order.client_order_id, row["received_at"], orjson.loads(row["reports"]))
        return True

    def reports(self, now: datetime) -> list[Report]:
        """What is due by ``now``, in order of time."""
        found = []
        while self._due and self._due[0][0] <= now:
            found.append(heapq.heappop(self._due)[2])
        return found

    async def taken(self, reports: Sequence[Report]) -> None:
        """The plan stays, and ``knows`` tells it again."""

    def next_report_at(self) -> datetime | None:
        """When the next report is due."""
        return self._due[0][0] if self._due else None

    def listen(self, ring: Callable[[], None]) -> None:
        """Reports here are all foreseen by ``next_report_at``; nothing arrives of itself."""

    def _expect(self, client_order_id: UUID, received_at: datetime, plan: list[dict[str, Any]]) -> None:
        for step in plan:
            at = received_at + timedelta(milliseconds=step["after_ms"])
            report = Report(
                venue=self.name,
                client_order_id=client_order_id,
                kind=ReportKind(step["kind"]),
                at=datetime.fromisoformat(step["at"]),
                execution_id=step.get("id", ""),
                quantity=step.get("quantity", 0),
                cumulative_quantity=step.get("cumulative_quantity", 0),
                price=step.get("price", 0),
                reason=step.get("reason"),
            )
            heapq.heappush(self._due, (at, next(self._order), report))

    def _plan(self, order: VenueOrder) -> list[dict[str, Any]]:
        market_now = self._market_clock.now()
        quote = self._quotes.quote(order.instrument_id, market_now)
        chance = self._chance
        after = chance.randint(*self._behaviour.first_ms)
        at = market_now.isoformat()
        if quote is None or chance.random() < self._behaviour.reject:
            reason = "no quote" if quote is None else "rejected by the paper venue"
            return [{"kind": ReportKind.REJECTED, "after_ms": after, "at": at, "reason": reason}]
        steps = []
        parts = self._parts(order, chance)
        for number, quantity in enumerate(parts, 1):
            price = self._price(order.side, quote, number, chance)
            execution = f"{order.client_order_id}-{number}"
            steps.append(
                {
                    "kind": ReportKind.EXECUTION,
                    "after_ms": after,
                    "at": at,
                    "id": execution,
                    "quantity": quantity,
                    "cumulative_quantity": sum(parts[:number]),
                    "price": price,
                }
            )
            after += chance.randint(*self._behaviour.next_ms)
        if sum(parts) < order.quantity:
            reason = "the paper venue left the rest unfilled"
            steps.append(
                {
                    "kind": ReportKind.CANCELED,
                    "after_ms": after,
                    "at": at,
                    "cumulative_quantity": sum(parts),
                    "reason": reason,
                }
            )
        return steps

    def _parts(self, order: VenueOrder, chance: random.Random) -> list[int]:
        """The executions' quantities: whole shares if the order is in whole shares."""
        lot = UNIT if order.quantity % UNIT == 0 else 1
        lots = order.quantity // lot
        if chance.random() < self._behaviour.leave_rest:
            lots = chance.randint(0, lots - 1)
        pieces = 1
        if lots > 1 and chance.random() < self._behaviour.split:
            pieces = chance.randint(2, min(self._behaviour.most_executions, lots))
        cuts = sorted({0, lots, *(chance.randint(1, lots) for _ in range(pieces - 1))}) if lots else [0]
        return [(high - low) * lot for low, high in pairwise(cuts)]

    def _price(self, side: Side, quote: Quote, number: int, chance: random.Random) -> int:
        """The touch, and a cent or so worse with each further execution."""
        slip = chance.randint(0, number * self._behaviour.slip_cents) * CENT
        return quote.ask + slip if side is Side.BUY else max(CENT, quote.bid - slip)
