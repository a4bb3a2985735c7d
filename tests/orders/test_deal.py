"""How much is dealt in whole shares, and what the house adds: customers fill first, the house is never short."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import UNIT, parse, to_units
from app.market.types import Side
from app.orders.deal import CUSHION_DENOMINATOR, CUSHION_NUMERATOR, Deal, size_deal
from app.orders.types import Capacity

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/deals.json").read_text())

units = st.one_of(st.integers(0, 3 * UNIT), st.integers(0, 100).map(lambda n: n * UNIT), st.integers(0, 10**15))


@pytest.mark.parametrize("case", GOLDEN["deals"], ids=lambda case: f"{case['side']} {case['wanted']}")
def test_golden_cases(case: dict[str, str]) -> None:
    wanted, inventory, quantity, supplied = (
        to_units(parse(case[name])) for name in ("wanted", "inventory", "quantity", "supplied")
    )
    deal = size_deal(Side(case["side"]), wanted, 0, inventory, whole_shares=True)
    assert deal == Deal(quantity, supplied, Capacity(case["capacity"]))


@given(st.sampled_from(Side), units, units, units, st.booleans())
def test_the_house_is_never_short_and_customers_fill_first(
    side: Side, by_quantity: int, by_amount: int, inventory: int, whole_shares: bool
) -> None:
    wanted = by_quantity + by_amount
    cushion = by_amount * CUSHION_NUMERATOR // CUSHION_DENOMINATOR
    if not wanted:
        return
    deal = size_deal(side, by_quantity, by_amount, inventory, whole_shares=whole_shares)
    assert 0 <= deal.supplied <= inventory
    if whole_shares:
        assert deal.quantity % UNIT == 0
    # Enough for everybody, even if orders by amount turn into a few more (of sells: fewer) shares than at the quote.
    if side is Side.BUY:
        assert deal.quantity + deal.supplied >= wanted + cushion
    else:
        assert deal.quantity - deal.supplied <= wanted - cushion
    assert abs(deal.quantity - wanted) <= UNIT + cushion


@given(st.sampled_from(Side), units, units, units, st.booleans())
def test_the_capacity_says_whether_the_house_takes_part(
    side: Side, by_quantity: int, by_amount: int, inventory: int, whole_shares: bool
) -> None:
    if not by_quantity + by_amount:
        return
    deal = size_deal(side, by_quantity, by_amount, inventory, whole_shares=whole_shares)
    if deal.capacity is Capacity.AGENCY:
        assert (deal.quantity, deal.supplied) == (by_quantity + by_amount, 0)
    if deal.quantity != by_quantity + by_amount and deal.quantity:
        assert deal.capacity is Capacity.MIXED
    assert (deal.capacity is Capacity.PRINCIPAL) is (deal.quantity == 0)


@given(st.sampled_from(Side), st.integers(1, 10**15), units)
def test_what_can_be_dealt_in_fractions_is_dealt_as_it_is(side: Side, by_quantity: int, inventory: int) -> None:
    assert size_deal(side, by_quantity, 0, inventory, whole_shares=False) == Deal(by_quantity, 0, Capacity.AGENCY)


def test_a_house_that_has_all_that_is_wanted_buys_no_share_for_it() -> None:
    deal = size_deal(Side.BUY, UNIT // 10, 0, UNIT // 2, whole_shares=True)
    assert (deal.quantity, deal.supplied) == (0, UNIT // 10)


def test_buys_of_parts_of_a_share_do_not_pile_up_an_inventory() -> None:
    """The difference comes from the inventory once it is there, so less than a share is ever left over."""
    inventory = 0
    for _ in range(50):
        deal = size_deal(Side.BUY, UNIT // 10, 0, inventory, whole_shares=True)
        inventory += deal.quantity - UNIT // 10
        assert inventory < UNIT
