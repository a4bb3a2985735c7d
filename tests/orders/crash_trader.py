"""A back office at work with callers who ask it for things at once, and write down what they were answered."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from broadcaster import Broadcast

from app.infra.database import LOST, EnginePool, engine_pool
from app.infra.doorbell import PostgresDoorbell
from app.infra.hub import Hub
from app.kernel.clock import SystemClock
from app.kernel.errors import OutcomeUnknown, Refusal
from app.kernel.ids import new_id
from app.ledger.commit import GroupCommit
from app.ledger.idempotency import idempotency_key
from app.ledger.writers import Writers
from app.market.market import Market
from app.market.types import InstrumentKind, Side, TimeInForce
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.engine import OrderEngine
from app.orders.place import PlaceOrder, place
from app.orders.replace import ReplaceOrder, replace_orders
from app.orders.request import Size
from app.orders.terms import terms_of
from app.orders.types import Group, Order, OrderType, Replacement, Terms, group_terms
from app.venues.fix.desk import other_side
from app.venues.house import HOUSE, HouseVenue
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Venue
from app.venues.profile import load_profiles
from app.venues.venues import Venues
from tests.orders.checks import unfinished
from tests.orders.crash_job import Job, Request, answers_in
from tests.orders.crash_venue import line_to_the_venue, market_of

#: More customers than this in a market order, and it is shared out in chunks.
CHUNK = 3
QUICK = PaperBehaviour(
    reject=0.03,
    leave_rest=0.1,
    split=0.5,
    bust=0.05,
    correct=0.05,
    duplicate=0.1,
    acknowledge_ms=(1, 5),
    first_ms=(5, 40),
    next_ms=(5, 40),
    answer_ms=(1, 10),
    aftermath_ms=(10, 100),
    late_ms=(5, 50),
)
_LOST = (*LOST, OutcomeUnknown)
_PATIENCE = 30.0
_NO_FAILURE = (RuntimeError("no more than these"),)


@dataclass
class Trader:
    """A back office at work, and the caller's side of it."""

    job: Job
    pool: EnginePool
    market: Market
    engine: OrderEngine
    writer: GroupCommit
    answered: dict[str, str | None]
    answers: int
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def trade(self) -> None:
        """Send every request that has no answer yet, all at once but for those that need the answer to another."""
        async with asyncio.TaskGroup() as tasks:
            for request in self.job.requests:
                if request["key"] not in self.answered:
                    tasks.create_task(self._send(request))

    async def _send(self, request: Request) -> None:
        await asyncio.sleep(request["after"])
        async with self.news:
            await self.news.wait_for(lambda: request["order"] is None or request["order"] in self.answered)
        order = None if request["order"] is None else self.answered[request["order"]]
        answer: str | None = None
        if order is not None or request["order"] is None:
            with suppress(Refusal):
                answer = str(await self._submit(request, order))
        os.write(self.answers, json.dumps([request["key"], answer]).encode() + b"\n")
        async with self.news:
            self.answered[request["key"]] = answer
            self.news.notify_all()

    async def _submit(self, request: Request, order: str | None) -> UUID:
        key = idempotency_key("caller", UUID(request["key"]), request["what"], request)
        use_case, command, group = self._command(request, order)
        answer: UUID | None = None
        while answer is None:
            try:
                found = await self.writer.submit(use_case, command, key)
                answer = found.id if isinstance(found, Order) else found
            except _LOST:
                await asyncio.sleep(0.05)  # and ask again with the same key
        self.engine.notice(group)
        if order is not None:
            await self._tell_of_leaving(UUID(order))
        return answer

    def _command(self, request: Request, order: str | None) -> tuple[Any, Any, Group]:
        instrument = self.market.by_symbol(request["symbol"])
        assert instrument is not None
        quote = self.market.quote(instrument.id)
        assert quote is not None
        side = Side(request["side"])
        terms = self._terms(request)
        group = Group(self.writer.journal.id, instrument.id, side, group_terms(terms))
        if request["what"] == "cancel":
            assert order is not None
            return cancel, CancelOrder(UUID(order), "test"), group
        if request["what"] == "replace":
            assert order is not None
            wanted = Replacement(new_id(), request["amount"], request["quantity"], terms, "test")
            return replace_orders, ReplaceOrder(UUID(order), wanted, quote), group
        size = Size(request["amount"], request["quantity"])
        account, book = UUID(request["account"]), request["book"]
        return place, PlaceOrder(account, book, instrument.id, side, size, quote, "test", terms), group

    def _terms(self, request: Request) -> Terms:
        instrument = self.market.by_symbol(request["symbol"])
        assert instrument is not None
        limit = None if request["limit"] is None else Decimal(request["limit"])
        type_ = OrderType.MARKET if limit is None else OrderType.LIMIT
        time_in_force = TimeInForce.DAY if limit is None else TimeInForce.GTC
        return terms_of(type_, limit, time_in_force, None, instrument, self.market.clock.now())

    async def _tell_of_leaving(self, order: UUID) -> None:
        with suppress(*_LOST):
            row = await self.pool.fetchrow(
                "SELECT market_order_id, journal_id, instrument_id FROM customer_order WHERE id = $1", order
            )
            if row is not None and row["market_order_id"] is not None:
                self.engine.notice_leaving(*row)

    async def come_to_an_end(self) -> None:
        """Cancel what rests, and wait until nothing is open."""
        left: list[object] = []
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    with suppress(*_LOST):
                        left = await self._left()
                        if not left:
                            return
                    await asyncio.sleep(0.03)
        except TimeoutError:
            open_ = [*await self.pool.fetch(_OPEN), *await self.pool.fetch(_UNTOLD)]
            asked = [row["id"] for row in await self.pool.fetch("SELECT id FROM market_order WHERE ended_at IS NULL")]
            open_ += await self.pool.fetch(_THEIRS, [*asked, *map(other_side, asked)])
            stumbled = ExceptionGroup("the engine's", [*self.engine._failures, *_NO_FAILURE])
            raise AssertionError(f"after {_PATIENCE} s this is left: {left}; {open_}") from stumbled

    async def _left(self) -> list[object]:
        rows = await self.pool.fetch("SELECT id, ends_as FROM customer_order WHERE ended_at IS NULL")
        for id_ in [row["id"] for row in rows if row["ends_as"] is None]:
            with suppress(Refusal):
                await self.writer.submit(cancel, CancelOrder(id_, "test"))
            await self._tell_of_leaving(id_)
        told = await self.pool.fetch(
            "SELECT client_order_id FROM paper.venue_order WHERE untaken OR due_at IS NOT NULL"
        )
        due = await self.pool.fetch(
            "SELECT id FROM trade_settlement WHERE settled_at IS NULL AND due_on <= $1", self.market.today()
        )
        async with self.pool.acquire() as connection:
            return [*rows, *told, *due, *await unfinished(connection)]


@asynccontextmanager
async def trader(job: Job) -> AsyncIterator[Trader]:
    """A trader at work, as app/services.py wires one, but with a venue in a hurry and prices that stand still."""
    for module in (gather, reports, run, share_out_many):
        module.CHUNK = CHUNK  # type: ignore[attr-defined]
    clock, market = SystemClock(), market_of(job)
    broadcast = Broadcast(backend=PostgresDoorbell(job.url))
    hub = Hub(broadcast)
    async with AsyncExitStack() as stack:
        pool = await engine_pool(job.url, 6)
        stack.push_async_callback(pool.close)
        async with pool.acquire() as connection:
            profiles = await load_profiles(connection)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        writers = Writers(pool, hub, tasks, clock=clock, market_clock=market.clock)
        working: list[asyncio.Task[None]] = []
        venue: Venue = PaperVenue(pool, market, clock=clock, behaviour=replace(QUICK, seed=job.seed))
        if job.venue_port is not None:
            venue = line = line_to_the_venue(pool, job.venue_port, market, clock)
            working.append(tasks.create_task(line.run()))
        routes = {InstrumentKind.EQUITY: venue.name, InstrumentKind.CRYPTO: venue.name}
        venues = Venues({venue.name: venue, HOUSE: HouseVenue(market)}, routes, profiles)
        engine = OrderEngine(pool, writers, market, venues, hub, clock=clock)
        writer = await writers.of(UUID(job.tenant))
        working += [tasks.create_task(hub.run()), tasks.create_task(engine.run())]
        while not broadcast._subscribers:  # stopped before it listens, broadcaster fails
            await asyncio.sleep(0.001)
        try:
            answers = os.open(job.answers, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            yield Trader(job, pool, market, engine, writer, answers_in(Path(job.answers)), answers)
        finally:
            for task in working:
                task.cancel()
            writers.stop()


_UNTOLD = """
SELECT to_json(p) AS at_the_venue, (
  SELECT data FROM ledger.event WHERE type = 'ORDER_CANCEL_REJECTED' ORDER BY position DESC LIMIT 1) AS last_refusal
FROM paper.venue_order p WHERE untaken OR due_at IS NOT NULL
"""
_OPEN = """
SELECT to_json(m) AS market_order, to_json(v) AS venue_order FROM market_order m
JOIN venue_order v ON v.market_order_id = m.id WHERE m.ended_at IS NULL
"""
_THEIRS = "SELECT client_order_id, story FROM paper.venue_order WHERE client_order_id = ANY ($1)"
