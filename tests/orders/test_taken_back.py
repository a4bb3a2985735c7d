"""Whatever a venue tells, in whatever order: fills, busts, corrections, and customers who leave in between."""

from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT, multiply
from app.market.types import Side
from app.orders.fill import OrderFill, house_part
from app.orders.plan import Progress
from app.orders.types import Capacity, Fill, MarketOrderStatus, Order, OrderStatus
from tests.orders.dealing import AT, Dealing, some_wishes

PRICE = 100 * UNIT


@dataclass
class Story:
    """A market order with the executions that stand, and what has happened to it so far."""

    dealing: Dealing
    swing: float
    random: Random
    standing: list[tuple[int, int]] = field(default_factory=list)
    anybody_left: bool = False
    taken_back: bool = False

    @property
    def over(self) -> bool:
        return self.dealing.market_order.ended_at is not None

    def go_on(self) -> None:
        """Something happens, if it can."""
        steps = (self._execute, self._execute, self._execute, self._leave, self._bust, self._correct, self._end)
        self.random.choice(steps[4:6] if self.over else steps)()

    def _execute(self) -> None:
        made = self.dealing.market_order
        left = made.quantity - made.filled_quantity
        if left <= 0:
            return
        lots = left // UNIT if self.dealing.whole_shares else left
        quantity = self.random.choice((lots, self.random.randint(1, max(1, lots)))) * left // max(lots, 1)
        self.standing.append((min(quantity, left), self._price()))
        filled = self._filled()
        ending = MarketOrderStatus.FILLED if filled.quantity >= made.quantity else None
        for fill in self._apply(filled, self.dealing.fill, ending):
            assert fill.last_quantity >= 0
            assert fill.last_amount >= 0

    def _leave(self) -> None:
        """An order wants no more, and the venue agrees at once to deal that much less."""
        dealing, made = self.dealing, self.dealing.market_order
        staying = [number for number, order in enumerate(dealing.orders) if order.ended_at is None]
        if len(staying) < 2:
            return
        number = self.random.choice(staying)
        was = dealing.participants[number]
        lowered = made.quantity - was.stated + was.order.filled_quantity
        if not made.filled_quantity < lowered < made.quantity:
            return
        leaving = replace(was.order, ends_as=OrderStatus.CANCELED, change_number=1, status=OrderStatus.PENDING_CANCEL)
        dealing.participants[number] = replace(was, order=leaving)
        dealing.market_order = replace(made, quantity=lowered)
        self._apply(dealing.fill, dealing.fill, None)
        assert dealing.orders[number].status is OrderStatus.CANCELED
        self.anybody_left = True

    def _bust(self) -> None:
        if self.standing:
            self.standing.pop(self.random.randrange(len(self.standing)))
            self._restate()

    def _correct(self) -> None:
        if self.standing:
            number = self.random.randrange(len(self.standing))
            self.standing[number] = (self.standing[number][0], self._price())
            self._restate()

    def _restate(self) -> None:
        self.taken_back = True
        self._apply(self._filled(), self._filled(), None)

    def _end(self) -> None:
        if self.random.random() < 0.4:
            self._apply(self.dealing.fill, self.dealing.fill, MarketOrderStatus.CANCELED)

    def _price(self) -> int:
        return max(1, round(PRICE * self.random.uniform(1 - self.swing, 1 + self.swing)) // CENT) * CENT

    def _filled(self) -> Fill:
        return Fill(sum(each for each, _ in self.standing), sum(multiply(*each) for each in self.standing))

    def _apply(self, filled: Fill, standing: Fill, ending: MarketOrderStatus | None) -> list[OrderFill]:
        dealing = self.dealing
        progress = Progress(dealing.market_order, filled, standing, ending, None, 1)
        fills, departed = dealing._fills(progress), dealing._plan(progress).departed
        news = {fill.order.id: fill for fill in fills}
        dealing.participants = [
            replace(each, order=_after(each.order, news[each.order.id])) if each.order.id in news else each
            for each in dealing.participants
        ]
        made = replace(
            dealing.market_order,
            filled_quantity=filled.quantity,
            filled_amount=filled.amount,
            allocated_quantity=filled.quantity,
            allocated_amount=filled.amount,
            departed=departed,
            customers_quantity=sum(order.filled_quantity for order in dealing.orders),
            customers_amount=sum(order.filled_amount for order in dealing.orders),
        )
        if ending is not None:
            made = replace(made, status=ending, ended_at=AT)
        dealing.market_order = made
        if self.over:
            dealing.house = house_part(made, filled.quantity, filled.amount)
        return fills


def _after(order: Order, fill: OrderFill) -> Order:
    return replace(
        order,
        filled_quantity=order.filled_quantity + fill.last_quantity,
        filled_amount=order.filled_amount + fill.last_amount,
        status=fill.status,
        held=0 if fill.status.is_final else fill.held,
        ended_at=order.ended_at or (AT if fill.status.is_final else None),
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    seed = draw(st.integers(0, 10**9))
    random = Random(seed)
    side = draw(st.sampled_from(Side))
    dealing = Dealing(
        side,
        some_wishes(random, side, draw(st.integers(2, 20)), PRICE),
        PRICE,
        inventory=draw(st.sampled_from((0, UNIT // 3))),
        whole_shares=draw(st.booleans()),
        market_order_id=UUID(int=seed),
    )
    return Story(dealing, draw(st.sampled_from((0.0, 0.001, 0.03, 0.5))), random)


@settings(deadline=None, max_examples=150)
@given(stories(), st.integers(1, 10))
def test_whatever_happens_promises_are_kept(story: Story, steps: int) -> None:
    dealing = story.dealing
    if dealing.deal.capacity is Capacity.PRINCIPAL:
        return
    for _ in range(steps):
        story.go_on()
        for order, hold in zip(dealing.orders, dealing.first_holds, strict=True):
            check_order(order, hold)
        if not (story.anybody_left and story.taken_back):
            check_house(story)
        if not story.over:
            assert all(not fill.moves for fill in dealing.again())


def check_order(order: Order, hold: int) -> None:
    assert order.filled_quantity >= 0
    assert order.filled_amount >= 0
    assert order.filled_amount % CENT == 0
    assert order.held >= 0
    if order.quantity is not None:
        assert order.filled_quantity <= order.quantity
    if order.side is Side.SELL and order.ended_at is None:
        assert order.filled_quantity + order.held == hold
    if order.side is Side.BUY and order.amount is not None:
        assert order.filled_amount <= order.amount


def check_house(story: Story) -> None:
    """The house's shares cost what deals cost, but for parts of cents; it is never short.

    Not so where executions are taken back after somebody left: see test_found_by_attack.py. Nor where buyers by
    amount pay no more than they named.
    """
    dealing = story.dealing
    if dealing.house is not None:
        assert dealing.house.shares >= 0
    if not story.standing or any(order.side is Side.BUY and order.amount is not None for order in dealing.orders):
        return
    shares = dealing.fill.quantity - sum(order.filled_quantity for order in dealing.orders)
    money = dealing.fill.amount - sum(order.filled_amount for order in dealing.orders)
    worth = sorted(shares * each(price for _, price in story.standing) // UNIT for each in (min, max))
    slack = 2 * CENT * (1 + len(dealing.orders))
    assert worth[0] - slack <= money <= worth[1] + slack


@pytest.mark.parametrize("side", Side)
def test_when_all_is_taken_back_nobody_has_anything(side: Side) -> None:
    random = Random(5)
    wishes = [each for each in some_wishes(random, side, 30, PRICE) if each.size.amount is None]
    story = Story(Dealing(side, wishes, PRICE, whole_shares=False), 0.2, random)
    for _ in range(3):
        story._execute()
        story._leave()
    while story.standing:
        story._bust()
    assert {(order.filled_quantity, order.filled_amount) for order in story.dealing.orders} == {(0, 0)}
