"""Anything may happen in any order: after every step each balance equals the model's, and nothing is lost or made."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.types import Account
from app.infra import embedded
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT, to_units
from app.ledger.chart import Kind
from app.ledger.idempotency import IdempotencyKey, idempotency_key
from app.ledger.reads import custody_proof, log_after
from app.ledger.replay import replay
from app.market.types import Quote, Side, TimeInForce
from app.orders.cancel import CancelOrder, cancel
from app.orders.place import PlaceOrder, place
from app.orders.reads import orders_by_id
from app.orders.request import Size, check_worth, dollars_to_hold, reference_price, shares_to_hold
from app.orders.terms import terms_of
from app.orders.types import Group, OrderType, Terms
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.conftest import fresh_database
from tests.orders.model import Model, ModelOrder
from tests.world import World, running

T = TypeVar("T")
SYMBOLS = ("AAPL", "KO", "BTC")
WILD = PaperBehaviour(reject=0.1, leave_rest=0.25, split=0.7, first_ms=(5, 80), next_ms=(5, 150), slip_cents=30)
CASH = st.integers(1, 500_000).map(lambda cents: cents * CENT)
BUYS = st.one_of(
    st.builds(Size, amount=st.integers(500, 60_000).map(lambda cents: cents * CENT)),
    st.builds(Size, quantity=st.one_of(st.integers(UNIT // 10, 5 * UNIT), st.just(UNIT))),
)
SELLS = st.one_of(
    st.just(Size(everything=True)),
    st.builds(Size, amount=st.integers(500, 10_000).map(lambda cents: cents * CENT)),
    st.builds(Size, quantity=st.integers(1, 3 * UNIT)),
)
#: Milliseconds: no time, a part of a window, or long enough for windows to close and fills to come.
PAUSE = st.sampled_from((0, 0, 25, 50, 100, 200, 600))


class Trading(RuleBasedStateMachine):
    """Investors, orders, fills, cancels, prices, days; the real thing beside the model."""

    server: embedded.Server
    template: str

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        url = self.closing.enter_context(fresh_database(self.server, self.template))
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        self.closing.callback(self.loop.close)
        self.closing.callback(thread.join)
        self.closing.callback(self.loop.call_soon_threadsafe, self.loop.stop)
        self.stop = asyncio.Event()
        self.world: World = self.run(self._start(url))
        self.model = Model()
        self.accounts: list[Account] = []
        self.orders: list[UUID] = []
        self.done: list[tuple[Any, Any, IdempotencyKey, UUID]] = []
        self.heard = 0

    async def _start(self, url: str) -> World:
        ready: asyncio.Future[World] = self.loop.create_future()

        async def live() -> None:
            async with AsyncExitStack() as stack:
                ready.set_result(await stack.enter_async_context(running(url, WILD)))
                await self.stop.wait()

        self.life = self.loop.create_task(live())
        return await ready

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def teardown(self) -> None:
        async def end() -> None:
            self.stop.set()
            await self.life

        try:
            self.check()
        finally:
            self.run(end())
            self.closing.close()

    def submit(self, use_case: Any, command: Any) -> UUID | Refusal:
        """Run a command under a key of its own, which may be repeated later."""
        key = idempotency_key("test", new_id(), use_case.__name__, {})
        try:
            answer: UUID = self.run(self.world.commits.submit(use_case, command, key))
        except Refusal as refusal:
            return refusal
        self.done.append((use_case, command, key, answer))
        return answer

    @initialize(cash=st.lists(CASH, min_size=2, max_size=5), seed=st.integers(0, 1_000_000))
    def arrive(self, cash: list[int], seed: int) -> None:
        self.world.venue._chance.seed(seed)
        for units in cash:
            account = self.run(self.world.investor())
            self.accounts.append(account)
            self.submit(deposit, CashMovement(account.book_id, units, "test"))
            self.model.deposit(account.book_id, units)

    @rule(who=st.integers(0, 4), units=CASH)
    def put_in(self, who: int, units: int) -> None:
        book = self.accounts[who % len(self.accounts)].book_id
        assert not isinstance(self.submit(deposit, CashMovement(book, units, "test")), Refusal)
        self.model.deposit(book, units)

    @rule(who=st.integers(0, 4), units=CASH)
    def take_out(self, who: int, units: int) -> None:
        book = self.accounts[who % len(self.accounts)].book_id
        refused = isinstance(self.submit(withdraw, CashMovement(book, units, "test")), Refusal)
        assert refused is not self.model.withdraw(book, units)

    @rule(
        orders=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(SYMBOLS), BUYS), min_size=1, max_size=6),
        pause=PAUSE,
    )
    def buy(self, orders: list[tuple[int, str, Size]], pause: int) -> None:
        for who, symbol, size in orders:
            self.buy_one(self.accounts[who % len(self.accounts)], self.quote(symbol), size)
        self.run(self.world.pass_time(pause, 25))

    @rule(orders=st.lists(st.tuples(st.integers(0, 100), SELLS), min_size=1, max_size=4), pause=PAUSE)
    def sell(self, orders: list[tuple[int, Size]], pause: int) -> None:
        for which, size in orders:
            holdings = self.model.holdings()
            if holdings:
                book, asset = holdings[which % len(holdings)]
                self.sell_one(book, asset, size)
        self.run(self.world.pass_time(pause, 25))

    def buy_one(self, account: Account, quote: Quote, size: Size) -> None:
        price = reference_price(Side.BUY, quote)
        try:
            check_worth(Side.BUY, size, price)
        except Refusal:
            return
        terms = self.terms(quote.instrument_id)
        command = PlaceOrder(account.id, account.book_id, quote.instrument_id, Side.BUY, size, quote, "test", terms)
        answer, hold = self.submit(place, command), dollars_to_hold(size, price)
        if self.model.buying_power(account.book_id) < hold:
            assert isinstance(answer, Refusal)
            return
        assert isinstance(answer, UUID)
        funding = self.model.hold_cash(account.book_id, hold)
        self.accepted(answer, ModelOrder(account.book_id, quote.instrument_id, "BUY", funding, hold), Side.BUY)

    def sell_one(self, book: int, asset: int, size: Size) -> None:
        account = next(each for each in self.accounts if each.book_id == book)
        quote = self.world.market.quote(asset)
        assert quote is not None
        price = reference_price(Side.SELL, quote)
        answer = self.submit(
            place, PlaceOrder(account.id, book, asset, Side.SELL, size, quote, "test", self.terms(asset))
        )
        available = self.model.balances[book, asset, "position"]
        hold = shares_to_hold(size, price, available)
        if hold == 0 or hold > available:
            assert isinstance(answer, Refusal)
            return
        assert isinstance(answer, UUID)
        self.model.balances[book, asset, "position"] -= hold
        self.model.balances[book, asset, "position_held"] += hold
        self.accepted(answer, ModelOrder(book, asset, "SELL", {}, hold), Side.SELL)

    @rule(which=st.integers(0, 1_000))
    def cancel(self, which: int) -> None:
        if self.orders:
            order = self.orders[which % len(self.orders)]
            if not isinstance(self.submit(cancel, CancelOrder(order, "test")), Refusal):
                self.run(self.world.leaves(order))

    @rule(milliseconds=st.integers(1, 400))
    def wait(self, milliseconds: int) -> None:
        self.run(self.world.pass_time(milliseconds, 25))

    @rule(symbol=st.sampled_from(SYMBOLS), cents=st.integers(300, 40_000))
    def move_price(self, symbol: str, cents: int) -> None:
        self.world.quotes.prices[self.world.instrument(symbol).id] = Decimal(cents) / 100

    @rule()
    def next_day(self) -> None:
        """After a day and a second everything that was due has been settled."""
        self.run(self.world.jump(self.world.clock.now() + timedelta(days=1)))
        self.run(self.world.pass_time(2_000, 500))
        self.hear()
        before = self.model.nonzero()
        for account in self.accounts:
            self.model.settle(account.book_id, self.world.market.today().isoformat())
        assert before == self.model.nonzero()

    @rule(which=st.integers(0, 1_000))
    def ask_again(self, which: int) -> None:
        """A repeated request gets its first answer and changes nothing."""
        if not self.done:
            return
        use_case, command, key, answer = self.done[which % len(self.done)]
        before = self.run(self.world.everything())
        assert self.run(self.world.commits.submit(use_case, command, key)) == answer
        assert self.run(self.world.everything()) == before

    @rule(which=st.integers(0, 1_000))
    def report_again(self, which: int) -> None:
        """An execution that comes a second time changes nothing."""
        rows = self.run(self.world.pool.fetch("SELECT * FROM execution ORDER BY id"))
        if not rows:
            return
        row = rows[which % len(rows)]
        report = Report(
            row["venue"],
            row["market_order_id"],
            ReportKind.EXECUTION,
            row["executed_at"],
            row["venue_execution_id"],
            to_units(row["quantity"]),
            to_units(row["price"]),
        )
        before = self.run(self.world.everything())
        self.run(self.world.told(report))
        assert self.run(self.world.everything()) == before

    def terms(self, asset: int) -> Terms:
        instrument, now = self.world.market.instruments[asset], self.world.clock.now()
        return terms_of(OrderType.MARKET, None, TimeInForce.DAY, None, instrument, now)

    def quote(self, symbol: str) -> Quote:
        quote = self.world.market.quote(self.world.instrument(symbol).id)
        assert quote is not None
        return quote

    def accepted(self, id_: UUID, order: ModelOrder, side: Side) -> None:
        self.model.orders[id_] = order
        self.orders.append(id_)
        self.world.engine.notice(Group(self.world.commits.journal.id, order.asset, side, Terms()))

    def hear(self) -> None:
        """Let the model hear of what the engine did."""

        async def news() -> None:
            async with self.world.read() as connection:
                while events := await log_after(connection, self.world.commits.journal.id, self.heard, 500):
                    for event in events:
                        self.heard = event.position
                        if event.type is EventType.CASH_SETTLED:
                            self.model.settle(event.book, self.world.market.today().isoformat())
                        elif event.type.startswith("ORDER_") and event.type is not EventType.ORDER_ACCEPTED:
                            self.model.hear(event)

        self.run(news())

    @invariant()
    def check(self) -> None:
        self.hear()
        self.run(self._check())

    async def _check(self) -> None:
        world = self.world
        rows = await world.pool.fetch("SELECT book_id, asset_id, kind, balance FROM ledger.account")
        found = {
            (row["book_id"], row["asset_id"], Kind(row["kind"]).name.lower()): to_units(row["balance"]) for row in rows
        }
        books = {account.book_id for account in self.accounts}
        theirs = {key: units for key, units in found.items() if key[0] in books and units}
        assert dict(sorted(theirs.items())) == self.model.nonzero()
        for asset in {asset for _, asset, _ in found}:
            assert sum(units for (_, each, _), units in found.items() if each == asset) == 0
        async with world.read() as connection:
            assert all(proof.difference == 0 for proof in await custody_proof(connection, world.commits.journal.id))
            orders = await orders_by_id(connection, self.orders)
        assert {id_: order.held for id_, order in orders.items()} == {
            id_: o.held for id_, o in self.model.orders.items()
        }
        assert await world.pool.fetch(_UNEQUAL) == []
        async with world.pool.acquire() as connection:
            assert (await replay(connection, world.commits.journal.id)).disagreement is None


#: Parts of a cent where only whole ones may be; market orders whose allocations don't add up, lots that don't; and
#: ended market orders that left something on their account.
_UNEQUAL = """
SELECT 'a part of a cent', id::text FROM ledger.account
WHERE asset_id = 1 AND kind IN (1, 2, 3, 4, 5, 9, 10, 15, 16, 17) AND balance * 100 <> trunc(balance * 100)
UNION ALL
SELECT 'left on an ended market order', b.id::text FROM ledger.account b JOIN market_order m USING (book_id)
WHERE m.ended_at IS NOT NULL AND b.balance <> 0
UNION ALL
SELECT 'shares shared out', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
WHERE m.ended_at IS NULL GROUP BY m.id HAVING sum(a.filled_quantity) <> least(m.filled_quantity, m.requested_quantity)
UNION ALL
SELECT 'cash shared out', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
WHERE m.filled_quantity > 0 AND m.side = 'SELL' GROUP BY m.id
HAVING m.filled_amount * sum(a.filled_quantity) / m.filled_quantity - sum(a.filled_amount) NOT BETWEEN 0 AND 0.01
UNION ALL
SELECT 'lots', p.book_id::text FROM (
  SELECT book_id, asset_id, sum(balance) AS shares FROM ledger.account WHERE kind IN (6, 7) GROUP BY 1, 2) p
LEFT JOIN (SELECT book_id, instrument_id, sum(remaining) AS shares FROM lot GROUP BY 1, 2) l
  ON l.book_id = p.book_id AND l.instrument_id = p.asset_id
WHERE p.shares <> coalesce(l.shares, 0)
UNION ALL
SELECT 'lots sold', o.id::text FROM customer_order o LEFT JOIN lot_sale s ON s.order_id = o.id
WHERE o.side = 'SELL' GROUP BY o.id
HAVING coalesce(sum(s.quantity), 0) <> o.filled_quantity OR coalesce(sum(s.proceeds), 0) <> o.filled_amount
"""


@pytest.mark.timeout(600)
def test_every_balance_equals_the_models(postgres: embedded.Server, template: str) -> None:
    class Here(Trading):
        server = postgres

    Here.template = template
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
