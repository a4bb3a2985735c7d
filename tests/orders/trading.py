"""A back office and the model of it side by side: requests to both, news to the model, and everything compared."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest

from app.clients.types import Account
from app.infra import embedded
from app.kernel.errors import Refusal
from app.kernel.events import Event, EventType
from app.kernel.ids import new_id
from app.kernel.money import to_units
from app.ledger.chart import Kind
from app.ledger.idempotency import IdempotencyKey, idempotency_key
from app.ledger.reads import log_after
from app.market.calendar import calendar_of
from app.market.market import NEW_YORK
from app.market.types import Side
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.reads import orders_by_id
from app.orders.request import reference_price
from app.orders.types import Order, OrderStatus
from app.venues.paper import PaperBehaviour
from tests.conftest import fresh_database
from tests.orders.checks import faults_in_the_books, unfinished
from tests.orders.model import Model
from tests.world import World, running

T = TypeVar("T")

#: Seconds after which nothing more comes of itself: a venue that lost every report was asked for each by then.
_LONGEST = 400


class Trading:
    """Runs in a thread with an event loop of its own, so that hypothesis can drive it step by step."""

    def __init__(self, server: embedded.Server, template: str) -> None:
        self.closing = ExitStack()
        self.url = self.closing.enter_context(fresh_database(server, template))
        self.patch = self.closing.enter_context(pytest.MonkeyPatch.context())
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        self.closing.callback(self.loop.close)
        self.closing.callback(thread.join)
        self.closing.callback(self.loop.call_soon_threadsafe, self.loop.stop)
        self.model = Model()
        self.accounts: list[Account] = []
        self.orders: list[UUID] = []
        self.done: list[tuple[Any, Any, IdempotencyKey, UUID]] = []
        self.heard = 0

    def start(self, behaviour: PaperBehaviour, chunk: int) -> None:
        """Open shop. A market order of more than ``chunk`` customers is shared out in chunks."""
        for module in (gather, reports, run, share_out_many):
            self.patch.setattr(module, "CHUNK", chunk)
        stack = AsyncExitStack()
        self.world: World = self.run(self._live(stack, behaviour))
        self.closing.callback(self.run, self._end())

    async def _live(self, stack: AsyncExitStack, behaviour: PaperBehaviour) -> World:
        ready: asyncio.Future[World] = self.loop.create_future()
        self.stop = asyncio.Event()

        async def live() -> None:
            async with stack:
                ready.set_result(await stack.enter_async_context(running(self.url, behaviour)))
                await self.stop.wait()

        self.life = self.loop.create_task(live())
        return await ready

    async def _end(self) -> None:
        self.stop.set()
        await self.life

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def submit(self, use_case: Any, command: Any) -> UUID | Refusal:
        """Run a command under a key of its own, which may be repeated later; answers the id of what it made."""
        key = idempotency_key("test", new_id(), use_case.__name__, {})
        try:
            found = self.run(self.world.commits.submit(use_case, command, key))
        except Refusal as refusal:
            return refusal
        answer: UUID = found.id if isinstance(found, Order) else found
        self.done.append((use_case, command, key, answer))
        return answer

    def cancel(self, order: UUID) -> None:
        if not isinstance(self.submit(cancel, CancelOrder(order, "test")), Refusal):
            self.run(self.world.leaves(order))

    def pass_time(self, milliseconds: int, step: int = 25) -> None:
        self.run(self._pass_time(milliseconds, step))

    async def _pass_time(self, milliseconds: int, step: int) -> None:
        await self.world.pass_time(milliseconds, step)
        while late := list(self.world.engine._late):
            await asyncio.gather(*late)

    def jump(self, to: datetime) -> None:
        """A long time passes; then what fell due is done."""
        self.run(self.world.jump(to))
        self.pass_time(2_000, 500)

    def check(self) -> None:
        """Hear what happened, and compare everything."""
        self.hear()
        self.run(self._check())

    def hear(self) -> None:
        """Let the model hear of what the engine did."""
        for event in self.run(self._news()):
            self.heard = event.position
            if event.type is EventType.CASH_SETTLED:
                self.model.settle(event.book, event.effective_at.astimezone(NEW_YORK).date().isoformat())
            elif event.type is EventType.SHARES_REPAID and event.book != self.world.commits.journal.house:
                self.model.repay_shares(event.book, event.data["instrument"])
            elif event.type is EventType.ORDER_ACCEPTED and "replaces" in event.data:
                self.orders.append(UUID(event.data["order"]))
            elif event.type.startswith("ORDER_") and event.type is not EventType.ORDER_ACCEPTED:
                self.model.hear(event)

    async def _news(self) -> list[Event]:
        found: list[Event] = []
        async with self.world.read() as connection:
            at = self.heard
            while events := await log_after(connection, self.world.commits.journal.id, at, 500):
                found += events
                at = events[-1].position
        return found

    async def _check(self) -> None:
        world = self.world
        books = [account.book_id for account in self.accounts]
        rows = await world.pool.fetch(
            "SELECT book_id, asset_id, kind, balance FROM ledger.account WHERE book_id = ANY ($1) AND balance <> 0",
            books,
        )
        found = {
            (row["book_id"], row["asset_id"], Kind(row["kind"]).name.lower()): to_units(row["balance"]) for row in rows
        }
        theirs, ours = dict(sorted(found.items())), self.model.nonzero()
        assert theirs == ours, sorted(theirs.items() ^ ours.items())
        orders = await self.found()
        assert {order.id: order.held for order in orders} == {id_: o.held for id_, o in self.model.orders.items()}
        async with world.pool.acquire() as connection:
            faults = await faults_in_the_books(connection, world.commits.journal.id)
        assert not faults, faults

    async def found(self) -> list[Order]:
        async with self.world.read() as connection:
            return list((await orders_by_id(connection, self.orders)).values())

    def come_to_rest(self) -> None:
        """Time passes in a session until nothing more happens: what has not ended by then waits for its price.

        When that is canceled too, nothing is left of it; some days later the street owes nothing either.
        """
        exchange = calendar_of(self.world.instrument("KO").exchange)
        now = self.world.clock.now()
        if not exchange.is_open(now):
            self.jump(exchange.next_open(now) + timedelta(minutes=1))
        self._wait_until_none(self._restless)
        self.check()
        for order in self.orders:
            self.cancel(order)
        self._wait_until_none(lambda order: not order.status.is_final)
        self.jump(exchange.next_open(self.world.clock.now() + timedelta(days=6)) + timedelta(minutes=1))
        self.check()
        assert self.run(self._left()) == []

    def _wait_until_none(self, unwanted: Callable[[Order], bool]) -> None:
        found: list[Order] = []
        for _ in range(_LONGEST):
            self.pass_time(1_000, 1_000)
            found = [order for order in self.run(self.found()) if unwanted(order)]
            if not found:
                return
        pytest.fail(f"after {_LONGEST} s of nothing new: {found}")

    def _restless(self, order: Order) -> bool:
        """Whether something has to become of the order still, by the market as it stands."""
        if order.status.is_final:
            return False
        quote = self.world.market.quote(order.instrument_id)
        assert quote is not None
        limit, price = order.terms.limit_price, reference_price(order.side, quote)
        if limit is None or order.status not in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
            return True
        return price == limit or (price < limit) is (order.side is Side.BUY)

    async def _left(self) -> list[Sequence[object]]:
        async with self.world.pool.acquire() as connection:
            return await unfinished(connection)
