"""Fills shared out to customers: who gets what, from the first partial fill to the end."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT, parse, to_units
from app.market.types import Side
from app.orders.allocate import Allotment, Claim, Stage, allocate, quantity_for
from app.orders.types import Fill

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/sharing.json").read_text())
MARKET_ORDER = UUID(int=77)


def claim(number: int, quantity: int, amount: int | None = None, limit: int | None = None) -> Claim:
    return Claim(UUID(int=number), quantity, amount, limit, 0, 0)


def shared(
    claims: list[Claim], fill: Fill, *, done: bool, side: Side = Side.BUY, market_order_id: UUID = MARKET_ORDER
) -> list[Allotment]:
    """Allotments where the house has no part in it: what is filled is the customers'."""
    complete = fill.quantity >= sum(claim.quantity for claim in claims)
    return allocate(
        claims,
        fill,
        side=side,
        market_order_id=market_order_id,
        obtainable=fill.quantity,
        least=fill.quantity if side is Side.SELL else 0,
        stage=(Stage.COMPLETE if complete else Stage.CUT_SHORT) if done else Stage.OPEN,
    )


def _stage(claims: list[Claim], fill: Fill, done: bool) -> Stage:
    if not done:
        return Stage.OPEN
    return Stage.COMPLETE if fill.quantity >= sum(each.quantity for each in claims) else Stage.CUT_SHORT


def posted(claims: list[Claim], allotments: list[Allotment]) -> list[Claim]:
    """The claims after their allotments were posted."""
    return [
        replace(each, filled_quantity=got.quantity, filled_amount=got.amount)
        for each, got in zip(claims, allotments, strict=True)
    ]


@st.composite
def fills_of_claims(draw: st.DrawFn) -> tuple[list[Claim], list[Fill]]:
    """1 to 300 claims by quantity, and fills of them that grow: to the whole, or to a part that is canceled after."""
    random = Random(draw(st.integers(0, 10**9)))
    most = draw(st.sampled_from((3, 1_000, UNIT, 5_000 * UNIT)))
    sizes = draw(st.one_of(st.lists(st.integers(1, most), min_size=1, max_size=8), st.integers(9, 300)))
    if isinstance(sizes, int):
        sizes = [random.randint(1, most) for _ in range(sizes)]
    claims = [claim(number, size) for number, size in enumerate(sizes, 1)]
    whole = sum(sizes)
    quantities = sorted({random.randint(1, whole) for _ in range(draw(st.integers(0, 4)))} | {whole})
    fills, amount, last = [], 0, 0
    for quantity in quantities if draw(st.booleans()) else quantities[:-1] or quantities:
        amount += (quantity - last) * draw(st.integers(100, 100_000)) * CENT // UNIT
        fills.append(Fill(quantity, amount))
        last = quantity
    return claims, fills


@settings(deadline=None, max_examples=250)
@given(fills_of_claims(), st.sampled_from(Side))
def test_shares_and_cash_add_up_at_every_step(case: tuple[list[Claim], list[Fill]], side: Side) -> None:
    claims, fills = case
    whole = sum(each.quantity for each in claims)
    for left, fill in zip(reversed(range(len(fills))), fills, strict=True):
        got = shared(claims, fill, side=side, done=left == 0)
        assert sum(each.quantity for each in got) == fill.quantity
        assert all(each.amount % CENT == 0 for each in got)
        # Buyers pay to the nearest cent, sellers get whole cents; the part of a cent that is left is the house's.
        # While more may come, each seller's part of a cent waits for the end.
        over = sum(each.amount for each in got) - fill.amount
        waiting = len(claims) if left else 1
        assert (-CENT <= 2 * over <= CENT) if side is Side.BUY else (-CENT * waiting < over <= 0)
        for before, now in zip(claims, got, strict=True):
            assert abs(now.quantity * whole - fill.quantity * before.quantity) < whole
            assert now.quantity >= before.filled_quantity
            assert now.amount >= before.filled_amount
        claims = posted(claims, got)
    if fills[-1].quantity == whole:
        assert [each.filled_quantity for each in claims] == [each.quantity for each in claims]


@settings(deadline=None, max_examples=100)
@given(fills_of_claims(), st.randoms(use_true_random=False), st.sampled_from(Side), st.booleans())
def test_the_order_of_the_list_means_nothing(
    case: tuple[list[Claim], list[Fill]], random: Random, side: Side, done: bool
) -> None:
    claims, fills = case
    claims = posted(claims, shared(claims, fills[0], side=side, done=False))
    expected = dict(zip(claims, shared(claims, fills[-1], side=side, done=done), strict=True))
    random.shuffle(claims)
    assert dict(zip(claims, shared(claims, fills[-1], side=side, done=done), strict=True)) == expected


@settings(deadline=None, max_examples=100)
@given(fills_of_claims(), st.sampled_from(Side), st.booleans())
def test_the_same_fill_again_changes_nothing(case: tuple[list[Claim], list[Fill]], side: Side, done: bool) -> None:
    claims, fills = case
    for fill in fills[:-1]:
        claims = posted(claims, shared(claims, fill, side=side, done=False))
    got = shared(claims, fills[-1], side=side, done=done)
    assert shared(posted(claims, got), fills[-1], side=side, done=done) == got


def test_no_fill_no_share() -> None:
    claims = [claim(1, UNIT), claim(2, 3 * UNIT, amount=300 * UNIT)]
    assert shared(claims, Fill(0, 0), done=False) == [Allotment(0, 0)] * 2
    assert shared(claims, Fill(0, 0), done=True) == [Allotment(0, 0)] * 2


def test_four_hundred_shares_over_six_equal_accounts() -> None:
    """A partial fill of an order for 600: nobody is off by a share, and their dollars by a cent."""
    claims = [claim(number, 100) for number in range(1, 7)]
    got = shared(claims, Fill(400, 400 * 3 * CENT), done=True)
    assert sorted(each.quantity for each in got) == [66, 66, 67, 67, 67, 67]
    assert all(each.amount == each.quantity * 3 * CENT for each in got)


@pytest.mark.parametrize(("units", "shares"), [(400, 4), (1, 1)])
def test_the_odd_units_go_around(units: int, shares: int) -> None:
    """Over many market orders each of six equal accounts has its turn about equally often."""
    claims = [claim(number, 100) for number in range(1, 7)]
    times: Counter[UUID] = Counter()
    orders = 1_500
    for market_order in range(orders):
        got = shared(claims, Fill(units, units * CENT), done=True, market_order_id=UUID(int=market_order))
        least = min(each.quantity for each in got)
        lucky = [who.order_id for who, what in zip(claims, got, strict=True) if what.quantity > least]
        assert len(lucky) == shares
        times.update(lucky)
    fair = orders * shares / len(claims)
    assert all(abs(times[each.order_id] - fair) < 0.2 * fair for each in claims)


def test_the_odd_unit_of_one_market_order_goes_to_the_same_account_each_time() -> None:
    claims = [claim(number, 100) for number in range(1, 7)]
    first = shared(claims, Fill(1, CENT), done=True)
    assert [each.quantity for each in first].count(1) == 1
    assert all(shared(claims, Fill(1, CENT), done=True) == first for _ in range(5))


@pytest.mark.parametrize("case", GOLDEN["quantities"], ids=lambda case: case["source"][:40])
def test_published_quantities_of_an_amount(case: dict[str, str]) -> None:
    amount, price, quantity = (to_units(parse(case[name])) for name in ("amount", "price", "quantity"))
    assert quantity_for(amount, Fill(UNIT, price)) == quantity


@settings(deadline=None)
@given(
    st.integers(500, 10**9).map(lambda cents: cents * CENT),
    st.integers(1, 10**14),
    st.integers(1, 10**10).map(lambda cents: cents * CENT),
)
def test_an_amount_buys_what_it_pays_for_and_not_a_cent_more(amount: int, filled: int, paid: int) -> None:
    quantity = quantity_for(amount, Fill(filled, paid))
    cents = (2 * quantity * paid + filled * CENT) // (2 * filled * CENT)
    assert cents * CENT <= amount
    assert (quantity + 1) * paid > amount * filled
