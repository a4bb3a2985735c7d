"""Orders of all kinds dealt as one, by every path that a venue's reports may take."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT
from app.market.types import Side
from app.orders.request import Size
from app.orders.types import Capacity, Order, OrderStatus
from tests.orders.dealing import AT, Dealing, Wish, some_wishes

DOLLAR = UNIT


@st.composite
def dealings(draw: st.DrawFn) -> tuple[Dealing, list[tuple[int, int]], bool]:
    """A market order of 1 to 300 wishes, its executions to come, and whether the last one ends it early."""
    random = Random(draw(st.integers(0, 10**9)))
    side = draw(st.sampled_from(Side))
    price = draw(st.integers(100, 100_000)) * CENT
    count = draw(st.one_of(st.integers(1, 6), st.integers(7, 300)))
    dealing = Dealing(
        side,
        some_wishes(random, side, count, price),
        price,
        inventory=draw(st.sampled_from((0, UNIT // 3, 2 * UNIT))),
        whole_shares=draw(st.booleans()),
        market_order_id=UUID(int=random.getrandbits(64)),
    )
    if dealing.deal.capacity is Capacity.PRINCIPAL:
        return dealing, [(dealing.to_deal, price)], False
    lot = UNIT if dealing.to_deal % UNIT == 0 else 1
    lots = dealing.to_deal // lot
    cuts = sorted({0, lots, *(random.randint(0, lots) for _ in range(draw(st.integers(0, 4))))})
    pieces = [(high - low) * lot for low, high in pairwise(cuts)]
    ends_early = len(pieces) > 1 and draw(st.booleans())
    swing = draw(st.sampled_from((0.0, 0.001, 0.03, 0.5)))
    executions = [
        (piece, max(1, round(price * random.uniform(1 - swing, 1 + swing)) // CENT) * CENT) for piece in pieces
    ]
    return dealing, executions[: -1 if ends_early else None], ends_early


Case = tuple[Dealing, list[tuple[int, int]], bool]


def run(case: Case) -> Dealing:
    """Deal it to its end."""
    dealing, executions, ends_early = case
    for quantity, price in executions:
        last = ends_early and quantity + dealing.fill.quantity == sum(piece for piece, _ in executions)
        dealing.execute(quantity, price, ends=last)
    assert dealing.house is not None
    return dealing


@settings(deadline=None, max_examples=120)
@given(dealings())
def test_nothing_that_was_posted_is_taken_back(case: Case) -> None:
    dealing, executions, _ = case
    for quantity, price in executions:
        for fill in dealing.execute(quantity, price):
            assert fill.last_quantity >= 0
            assert fill.last_amount >= 0
            assert fill.last_amount % CENT == 0
        if dealing.house is None:
            assert all(not fill.last_quantity and not fill.last_amount for fill in dealing.again())


@settings(deadline=None, max_examples=120)
@given(dealings())
def test_customers_and_house_together_have_what_was_dealt(case: Case) -> None:
    dealing = run(case)
    made, house = dealing.market_order, dealing.house
    assert house is not None
    customers = sum(order.filled_quantity for order in dealing.orders)
    street = 0 if made.capacity is Capacity.PRINCIPAL else made.filled_quantity
    towards = 1 if made.side is Side.BUY else -1
    assert towards * customers + dealing.house_after - dealing.inventory == towards * street
    assert dealing.house_after >= 0
    assert house.amount + made.customers_amount == dealing.street.amount


@settings(deadline=None, max_examples=120)
@given(dealings())
def test_customers_pay_the_average_price_to_the_cent(case: Case) -> None:
    """Σ cash is Σ shares at the average: of buyers half up, of sellers rounded down. Less only where a buyer named
    less, more only where it was posted before the price fell."""
    dealing, executions, _ = case
    posted = 0
    for quantity, price in executions:
        dealing.execute(quantity, price)
        cash = sum(order.filled_amount for order in dealing.orders)
        shares = sum(order.filled_quantity for order in dealing.orders)
        half = dealing.fill.quantity * CENT if dealing.side is Side.BUY else 0
        due = (2 * shares * dealing.fill.amount + half) // (2 * dealing.fill.quantity * CENT)
        assert cash <= max(posted, due * CENT)
        waiting = dealing.side is Side.SELL and dealing.house is None
        if waiting:
            assert due * CENT - cash < len(dealing.orders) * CENT
        elif all(order.amount is None or order.side is Side.SELL for order in dealing.orders):
            assert cash == max(posted, due * CENT)
        posted = cash


@settings(deadline=None, max_examples=120)
@given(dealings())
def test_no_order_gets_more_than_it_asked_for(case: Case) -> None:
    dealing = run(case)
    for order, hold in zip(dealing.orders, dealing.first_holds, strict=True):
        check_bounds(order, hold)


def check_bounds(order: Order, hold: int) -> None:
    if order.quantity is not None:
        assert order.filled_quantity <= order.quantity
    if order.side is Side.SELL:
        assert order.filled_quantity + order.held == hold
        assert order.held >= 0
    elif order.amount is not None:
        assert order.filled_amount <= order.amount


@settings(deadline=None, max_examples=120)
@given(dealings())
def test_what_was_dealt_in_full_fills_every_order_in_full(case: Case) -> None:
    """The allocation statement is what a full fill is shared by; sell-alls leave nothing."""
    dealing = run(case)
    if dealing.market_order.filled_quantity < dealing.to_deal:
        return
    for order in dealing.orders:
        assert order.status is OrderStatus.FILLED
        assert order.quantity in (None, order.filled_quantity)
        if order.sell_all:
            assert order.held == 0


@pytest.mark.parametrize("price", [80, 95, 99, 101, 120])
def test_an_order_by_quantity_gets_all_of_a_full_fill_wherever_the_price_went(price: int) -> None:
    """Beside it an order by amount wants more shares as the price falls: those can't be another customer's."""
    wishes = [Wish(Size(amount=10_000 * DOLLAR)), Wish(Size(quantity=100 * UNIT))]
    dealing = Dealing(Side.BUY, wishes, 100 * DOLLAR)
    dealing.execute(dealing.to_deal, price * DOLLAR)
    by_amount, by_quantity = dealing.orders
    assert by_quantity.filled_quantity == 100 * UNIT
    assert by_quantity.status is OrderStatus.FILLED
    assert by_amount.filled_amount <= 10_000 * DOLLAR


@pytest.mark.parametrize("side", Side)
def test_an_order_by_quantity_gets_no_more_than_that_when_the_price_leaps_before_the_rest_is_canceled(
    side: Side,
) -> None:
    """The order by amount has more already than it still wants; the last execution and the end come together."""
    sizes = [Size(amount=100_000 * DOLLAR), Size(quantity=1_000 * UNIT), Size(quantity=100 * UNIT)]
    wishes = [Wish(size, owned=(size.quantity or 1_050 * UNIT)) for size in sizes]
    dealing = Dealing(side, wishes, 100 * DOLLAR, whole_shares=False)
    dealing.execute(1_995 * UNIT, 100 * DOLLAR)
    dealing.execute(52 * UNIT, 400 * DOLLAR, ends=True)
    for order, hold in zip(dealing.orders, dealing.first_holds, strict=True):
        check_bounds(order, hold)


def test_what_was_sold_before_a_cut_is_delivered_by_customers_not_by_a_house_that_has_none() -> None:
    """The price rose, so fewer shares would do for the order by amount; but those that were dealt are dealt."""
    wishes = [Wish(Size(amount=10_000 * DOLLAR), owned=105 * UNIT), Wish(Size(everything=True), owned=100 * UNIT)]
    dealing = Dealing(Side.SELL, wishes, 100 * DOLLAR, whole_shares=False)
    dealing.execute(100 * UNIT, 100 * DOLLAR)
    dealing.execute(90 * UNIT, 150 * DOLLAR, ends=True)
    assert dealing.house_after >= 0
    assert sum(order.filled_quantity for order in dealing.orders) == 190 * UNIT


@pytest.mark.parametrize("cents", [9_999, 32_500, 777, 10_000_003])
def test_a_seller_by_amount_gets_that_amount_where_there_are_shares_enough(cents: int) -> None:
    dealing = Dealing(Side.SELL, [Wish(Size(amount=20 * DOLLAR), owned=10 * UNIT)], cents * CENT, whole_shares=False)
    dealing.execute(dealing.to_deal, cents * CENT)
    [order] = dealing.orders
    assert (order.status, order.filled_amount) == (OrderStatus.FILLED, 20 * DOLLAR)


def test_nothing_dealt_is_nothing_for_anybody() -> None:
    wishes = [Wish(Size(amount=500 * DOLLAR)), Wish(Size(quantity=3 * UNIT))]
    dealing = Dealing(Side.BUY, wishes, 100 * DOLLAR)
    fills = dealing.execute(0, 100 * DOLLAR, ends=True)
    assert [(fill.last_quantity, fill.last_amount, fill.status) for fill in fills] == [(0, 0, OrderStatus.CANCELED)] * 2
    assert dealing.house_after == 0


def test_what_an_operator_took_out_by_force_is_not_sold_by_another() -> None:
    """The venue sells it all the same, and the house has to deliver it."""
    wishes = [Wish(Size(quantity=10 * UNIT), owned=10 * UNIT), Wish(Size(amount=500 * DOLLAR), owned=20 * UNIT)]
    dealing = Dealing(Side.SELL, wishes, 100 * DOLLAR, whole_shares=False)
    forced = replace(dealing.participants[0].order, status=OrderStatus.EXPIRED, held=0, ended_at=AT)
    dealing.participants[0] = replace(dealing.participants[0], order=forced)
    dealing.execute(dealing.to_deal, 100 * DOLLAR)
    assert [order.filled_quantity for order in dealing.orders] == [0, 5 * UNIT]
    assert dealing.house is not None
    assert dealing.house.shares == 5 * UNIT - dealing.to_deal
