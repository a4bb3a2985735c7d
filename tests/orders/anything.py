"""What may happen: all that customers, prices, time and a venue can do, as rules for hypothesis to choose from."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.infra import embedded
from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT, to_decimal, to_units
from app.market.types import Side, TimeInForce
from app.orders.errors import PlaceOrderError, ReplaceOrderError
from app.orders.place import PlaceOrder, place
from app.orders.replace import ReplaceOrder, replace_orders
from app.orders.request import Size, check_worth, dollars_to_hold, reference_price, shares_to_hold
from app.orders.terms import terms_of
from app.orders.types import Group, OrderType, Replacement, Terms, group_terms
from app.risk.errors import RiskError
from app.venues.house import HOUSE
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.orders.model import ModelOrder
from tests.orders.trading import Trading

SYMBOLS = ("AAPL", "KO", "BTC")
CASH = st.integers(1, 500_000).map(lambda cents: cents * CENT)
RICHES = st.integers(100_000, 5_000_000).map(lambda cents: cents * CENT)
WHO = st.integers(0, 4)
WHICH = st.integers(0, 1_000)
SMALL = st.integers(UNIT // 10, UNIT)
BUYS = st.one_of(
    st.builds(Size, amount=st.integers(500, 60_000).map(lambda cents: cents * CENT)),
    st.builds(Size, quantity=st.one_of(SMALL, st.integers(UNIT // 10, 5 * UNIT), st.just(UNIT))),
)
SELLS = st.one_of(
    st.just(Size(everything=True)),
    st.builds(Size, amount=st.integers(500, 10_000).map(lambda cents: cents * CENT)),
    st.builds(Size, quantity=st.one_of(SMALL, st.integers(1, 3 * UNIT))),
)
#: How far a limit lies from the quote, in percent; None: a market order. And how long it stands.
LIMITS = st.tuples(st.sampled_from((None, None, -20, -3, 0, 3, 20)), st.sampled_from(TimeInForce))
#: Milliseconds: no time, a part of a window, or long enough for windows to close and fills to come.
PAUSE = st.sampled_from((0, 0, 25, 50, 100, 200, 600))

#: Requests that are with a venue and have no answer yet.
_ASKED = """
SELECT v.venue, v.market_order_id, v.number FROM venue_order v JOIN market_order m ON m.id = v.market_order_id
WHERE m.ended_at IS NULL AND v.venue <> $1 AND v.sent_at IS NOT NULL
  AND v.status IN ('PENDING_CANCEL', 'PENDING_REPLACE') ORDER BY v.market_order_id
"""


class Anything(RuleBasedStateMachine):
    """Investors, orders of all kinds, fills, cancels, replacing, prices, days, a venue that errs."""

    server: embedded.Server
    template: str
    behaviour: PaperBehaviour

    def __init__(self) -> None:
        super().__init__()
        self.trading = Trading(self.server, self.template)

    def teardown(self) -> None:
        try:
            if self.trading.accounts:
                self.trading.come_to_rest()
        finally:
            self.trading.closing.close()

    @initialize(
        cash=st.lists(RICHES, min_size=2, max_size=5), seed=st.integers(0, 1_000_000), chunk=st.sampled_from((3, 1_000))
    )
    def arrive(self, cash: list[int], seed: int, chunk: int) -> None:
        self.trading.start(replace(self.behaviour, seed=seed), chunk)
        for units in cash:
            account = self.trading.run(self.trading.world.investor())
            self.trading.accounts.append(account)
            self.trading.submit(deposit, CashMovement(account.book_id, units, "test"))
            self.trading.model.deposit(account.book_id, units)

    @rule(who=WHO, units=CASH)
    def put_in(self, who: int, units: int) -> None:
        book = self.book(who)
        assert not isinstance(self.trading.submit(deposit, CashMovement(book, units, "test")), Refusal)
        self.trading.model.deposit(book, units)

    @rule(who=WHO, units=CASH)
    def take_out(self, who: int, units: int) -> None:
        book = self.book(who)
        refused = isinstance(self.trading.submit(withdraw, CashMovement(book, units, "test")), Refusal)
        assert refused is not self.trading.model.withdraw(book, units)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        terms=LIMITS,
        orders=st.lists(st.tuples(WHO, BUYS), min_size=1, max_size=8),
        pause=PAUSE,
    )
    def buy(self, symbol: str, terms: Any, orders: list[tuple[int, Size]], pause: int) -> None:
        """Orders on the same terms, so that they are dealt as one."""
        asset = self.trading.world.instrument(symbol).id
        for who, size in orders:
            self.place(self.book(who), asset, Side.BUY, size, self.terms(asset, Side.BUY, *terms))
        self.trading.pass_time(pause)

    @rule(terms=LIMITS, orders=st.lists(st.tuples(WHICH, SELLS), min_size=1, max_size=4), pause=PAUSE)
    def sell(self, terms: Any, orders: list[tuple[int, Size]], pause: int) -> None:
        for which, size in orders:
            if holdings := self.trading.model.holdings():
                book, asset = holdings[which % len(holdings)]
                self.place(book, asset, Side.SELL, size, self.terms(asset, Side.SELL, *terms))
        self.trading.pass_time(pause)

    def place(self, book: int, asset: int, side: Side, size: Size, terms: Terms) -> None:
        world, model = self.trading.world, self.trading.model
        quote = world.market.quote(asset)
        assert quote is not None
        price = reference_price(side, quote)
        limit = terms.limit_price or price
        try:
            check_worth(side, size, limit)
        except Refusal:
            return
        account = next(each for each in self.trading.accounts if each.book_id == book)
        available = model.available(book, asset, side)
        hold = dollars_to_hold(size, limit, terms.type) if side is Side.BUY else shares_to_hold(size, limit, available)
        answer = self.trading.submit(place, PlaceOrder(account.id, book, asset, side, size, quote, "test", terms))
        if isinstance(answer, Refusal) and isinstance(answer.code, RiskError):
            return  # a collar, a rate, settled cash only: tests/orders/test_controls.py
        if hold == 0 or hold > available:
            assert isinstance(answer, Refusal)
            return
        assert isinstance(answer, UUID)
        size = Size(quantity=hold) if size.everything else size
        model.accept(answer, ModelOrder(book, asset, side, size, terms, price, hold))
        self.trading.orders.append(answer)
        world.engine.notice(Group(world.commits.journal.id, asset, side, group_terms(terms)))

    @rule(which=WHICH, percent=st.integers(20, 250), terms=LIMITS, pause=PAUSE)
    def replace(self, which: int, percent: int, terms: Any, pause: int) -> None:
        """Another size and other terms, of an order that waits or is with its venue."""
        trading = self.trading
        standing = [id_ for id_ in trading.orders if not trading.model.orders[id_].ended]
        if not standing:
            return
        id_ = standing[which % len(standing)]
        order, made = trading.model.orders[id_], trading.run(trading.world.order(id_))
        amount = None if order.size.amount is None else order.size.amount * percent // 100 // CENT * CENT
        quantity = None if order.size.quantity is None else order.size.quantity * percent // 100
        if not (amount or quantity):
            return
        percent_off = None if order.terms.limit_price is None else terms[0] or 0
        new_terms = self.terms(order.asset, Side(order.side), percent_off, terms[1])
        wanted = Replacement(new_id(), amount, quantity, new_terms, "test")
        waiting = made.market_order_id is None
        quote = trading.world.market.quote(order.asset)
        assert quote is not None
        answer = trading.submit(replace_orders, ReplaceOrder(id_, wanted, quote))
        if isinstance(answer, Refusal) and isinstance(answer.code, ReplaceOrderError | RiskError):
            return
        needed = trading.model.needed(id_, wanted, waiting=waiting)
        free = trading.model.available(order.book, order.asset, order.side)
        if needed - order.held > free:
            assert isinstance(answer, Refusal)
            assert answer.code in (PlaceOrderError.INSUFFICIENT_FUNDS, PlaceOrderError.INSUFFICIENT_SHARES)
            return
        assert answer == id_
        trading.model.replace(id_, wanted, needed)
        group = Group(made.journal_id, order.asset, made.side, group_terms(wanted.terms))
        trading.world.engine.notice(group)
        trading.run(trading.world.leaves(id_))
        trading.pass_time(pause)

    @rule(which=WHICH, pause=PAUSE)
    def cancel(self, which: int, pause: int) -> None:
        if self.trading.orders:
            self.trading.cancel(self.trading.orders[which % len(self.trading.orders)])
            self.trading.pass_time(pause)

    @rule(milliseconds=st.integers(1, 400))
    def wait(self, milliseconds: int) -> None:
        self.trading.pass_time(milliseconds)

    @rule(symbol=st.sampled_from(SYMBOLS), cents=st.integers(300, 40_000))
    def move_price(self, symbol: str, cents: int) -> None:
        self.trading.world.quotes.prices[self.trading.world.instrument(symbol).id] = Decimal(cents) / 100

    @rule(symbol=st.sampled_from(SYMBOLS), percent=st.integers(-10, 10), pause=PAUSE)
    def price_drifts(self, symbol: str, percent: int, pause: int) -> None:
        prices, asset = self.trading.world.quotes.prices, self.trading.world.instrument(symbol).id
        prices[asset] = max(Decimal(3), round(prices[asset] * (100 + percent) / 100, 2))
        self.trading.pass_time(pause)

    @rule(hours=st.sampled_from((1, 3, 6, 18)))
    def hours_pass(self, hours: int) -> None:
        """Sessions close and open, and orders expire."""
        self.trading.jump(self.trading.world.clock.now() + timedelta(hours=hours))

    @rule()
    def next_day(self) -> None:
        """After a day and two seconds everything that was due has been settled."""
        self.trading.jump(self.trading.world.clock.now() + timedelta(days=1))
        self.trading.hear()
        model, before = self.trading.model, self.trading.model.nonzero()
        for account in self.trading.accounts:
            model.settle(account.book_id, self.trading.world.market.today().isoformat())
        assert before == model.nonzero()

    @rule(which=WHICH)
    def ask_again(self, which: int) -> None:
        """A repeated request gets its first answer and changes nothing."""
        trading = self.trading
        if trading.done:
            use_case, command, key, answer = trading.done[which % len(trading.done)]
            before = trading.run(trading.world.everything())
            assert trading.run(trading.world.commits.submit(use_case, command, key)) == answer
            assert trading.run(trading.world.everything()) == before

    @rule(which=WHICH)
    def report_again(self, which: int) -> None:
        """What was dealt, taken back or corrected changes nothing when it is told a second time."""
        rows = self.executions("true")
        if rows:
            row = rows[which % len(rows)]
            before = self.trading.run(self.trading.world.everything())
            self.tell(row, ReportKind(row["kind"]), row["venue_execution_id"], row["quantity"], row["price"])
            assert self.trading.run(self.trading.world.everything()) == before

    @rule(which=WHICH, kind=st.sampled_from(("EXECUTION", "BUST", "CORRECTION")), percent=st.integers(50, 150))
    def report_late(self, which: int, kind: str, percent: int) -> None:
        """After a market order's end its venue tells of another deal, or takes one back, or corrects it."""
        rows = self.executions("e.standing AND e.kind <> 'BUST' AND m.ended_at IS NOT NULL AND e.venue <> $1")
        if not rows:
            return
        row = rows[which % len(rows)]
        quantity, price = row["quantity"], round(row["price"] * percent / 100, 2)
        if kind == ReportKind.CORRECTION and percent < 100:
            quantity = to_decimal(to_units(quantity) * percent // 100)
        late = f"late {new_id()}"
        if kind == ReportKind.EXECUTION:
            self.tell(row, ReportKind.EXECUTION, late, Decimal(1), price)
        elif kind == ReportKind.BUST:
            self.tell(row, ReportKind.BUST, late, Decimal(0), Decimal(0), refers_to=row["venue_execution_id"])
        else:
            self.tell(row, ReportKind.CORRECTION, late, quantity, price, refers_to=row["venue_execution_id"])
        self.trading.pass_time(2_000, 500)

    @rule(which=WHICH, pause=PAUSE)
    def refuse_and_do_it(self, which: int, pause: int) -> None:
        """A venue says no to a request that it has decided to accept, and tells of that, too, a little later."""
        rows = self.trading.run(self.trading.world.pool.fetch(_ASKED, HOUSE))
        if rows:
            row, at = rows[which % len(rows)], self.trading.world.clock.now()
            kind, number = ReportKind.CHANGE_REJECTED, row["number"]
            report = Report(row["venue"], row["market_order_id"], kind, at, number=number, reason="no")
            self.trading.run(self.trading.world.told(report))
            self.trading.pass_time(pause)

    def executions(self, condition: str) -> list[Any]:
        query = "SELECT e.* FROM execution e JOIN market_order m ON m.id = e.market_order_id WHERE $1 <> '' AND "
        return self.trading.run(self.trading.world.pool.fetch(f"{query} {condition} ORDER BY e.id", HOUSE))

    def tell(
        self, row: Any, kind: ReportKind, execution: str, quantity: Decimal, price: Decimal, refers_to: str = ""
    ) -> None:
        report = Report(
            row["venue"],
            row["market_order_id"],
            kind,
            row["executed_at"],
            execution,
            to_units(quantity),
            to_units(price),
            refers_to=refers_to,
        )
        self.trading.run(self.trading.world.told(report))

    def terms(self, asset: int, side: Side, percent: int | None, time_in_force: TimeInForce) -> Terms:
        """Terms as the API would check them: a limit so far beyond the quote, in the customer's favour if negative."""
        world = self.trading.world
        now, instrument, quote = world.clock.now(), world.market.instruments[asset], world.market.quote(asset)
        assert quote is not None
        if percent is None:
            return terms_of(OrderType.MARKET, None, TimeInForce.DAY, None, instrument, now)
        towards = percent if side is Side.BUY else -percent
        limit = max(Decimal(1), round(to_decimal(reference_price(side, quote)) * (100 + towards) / 100, 2))
        until = now + timedelta(hours=7) if time_in_force is TimeInForce.GTD else None
        return terms_of(OrderType.LIMIT, limit, time_in_force, until, instrument, now)

    def book(self, who: int) -> int:
        return self.trading.accounts[who % len(self.trading.accounts)].book_id

    @invariant()
    def check(self) -> None:
        self.trading.check()
