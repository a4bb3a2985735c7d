"""The arithmetic of corporate actions against published examples, and for any numbers: exact, and fair to a unit."""

import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corporate_actions.arithmetic import cash_share, dollars, fraction_of, left_over, scaled
from app.kernel.money import CENT, UNIT, divide_half_up, parse, to_units
from app.orders.adjust_lots import exchanged
from app.orders.lots import Lot, first_in_first_out, rescaled

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/corporate_actions.json").read_text())

ratios = st.tuples(st.integers(1, 20 * UNIT), st.integers(1, 20 * UNIT))
quantities = st.integers(-(10**14), 10**14)
positions = st.lists(st.integers(1, 10**12), min_size=1, max_size=8)


def units(text: str) -> int:
    return to_units(parse(text))


def lots_of(quantities: list[int], costs: list[int]) -> list[Lot]:
    return [
        Lot(UUID(int=number), date(2020, 1, 1), quantity, cost)
        for number, (quantity, cost) in enumerate(zip(quantities, costs, strict=True), 1)
    ]


@pytest.mark.parametrize("example", GOLDEN["splits"], ids=lambda each: each["source"][-8:])
def test_published_splits(example: dict[str, str]) -> None:
    lot = Lot(UUID(int=1), date(1997, 3, 19), units(example["quantity"]), units(example["cost"]))
    [made], lost = rescaled([lot], units(example["new"]), units(example["old"]))
    assert (made.remaining, made.remaining_cost, lost) == (units(example["becomes"]), lot.remaining_cost, 0)
    assert made.opened_on == lot.opened_on
    per_share = divide_half_up(made.remaining_cost * 10_000, made.remaining)
    assert per_share == Fraction(example["cost_per_share"]) * 10_000


@pytest.mark.parametrize("example", GOLDEN["cash_in_lieu"], ids=lambda each: each["source"][-20:])
def test_published_cash_in_lieu(example: dict[str, str]) -> None:
    lot = Lot(UUID(int=1), date(1997, 3, 19), units(example["quantity"]), units(example["cost"]))
    [made], _ = rescaled([lot], units(example["new"]), units(example["old"]))
    fraction = fraction_of(made.remaining)
    brought = dollars(fraction, units(example["price"]))
    [sale] = first_in_first_out([made], fraction, brought)
    assert (made.remaining - sale.quantity, brought) == (units(example["keeps"]), units(example["brought"]))
    assert round(Fraction(sale.cost, CENT)) * CENT == units(example["fraction_cost"])
    assert round(Fraction(sale.gain, CENT)) * CENT == units(example["gain"])


@given(st.lists(quantities, min_size=1, max_size=20), ratios, st.randoms())
def test_nobody_loses_a_unit_and_the_rest_is_never_negative(
    held: list[int], ratio: tuple[int, int], any_: Random
) -> None:
    new, old = ratio
    after = [scaled(each, new, old) for each in held]
    for each, made in zip(held, after, strict=True):
        assert 0 <= Fraction(each * new, old) - made < 1
    assert 0 <= left_over(sum(held), sum(after), new, old) < len(held)
    shuffled = any_.sample(held, len(held))
    assert sorted(scaled(each, new, old) for each in shuffled) == sorted(after)


@given(quantities, st.integers(1, 10**12))
def test_dollars_are_whole_cents_and_what_is_owed_mirrors_what_is_had(quantity: int, per_share: int) -> None:
    found = dollars(quantity, per_share)
    assert found % CENT == 0
    assert abs(found - Fraction(quantity * per_share, UNIT)) <= Fraction(CENT, 2)
    assert dollars(-quantity, per_share) == -found


@given(positions, st.data(), ratios)
def test_a_split_moves_no_cost_between_positions(held: list[int], data: st.DataObject, ratio: tuple[int, int]) -> None:
    costs = data.draw(st.lists(st.integers(0, 10**13), min_size=len(held), max_size=len(held)))
    lots, (new, old) = lots_of(held, costs), ratio
    made, lost = rescaled(lots, new, old)
    assert sum(lot.remaining for lot in made) == scaled(sum(held), new, old)
    assert sum(lot.remaining_cost for lot in made) + lost == sum(costs)
    assert lost == 0 or not any(lot.remaining for lot in made)
    for before, after in zip(lots, made, strict=True):
        assert abs(after.remaining - Fraction(before.remaining * new, old)) < 1
        assert (after.id, after.opened_on) == (before.id, before.opened_on)
        assert after.remaining or not after.remaining_cost


@given(positions, st.data(), ratios, st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_merger_neither_makes_nor_loses_cost(
    held: list[int], data: st.DataObject, ratio: tuple[int, int], per_share: int, price: int
) -> None:
    costs = data.draw(st.lists(st.integers(0, 10**13), min_size=len(held), max_size=len(held)))
    gives_shares, gives_cash = data.draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    new, old = ratio if gives_shares else (0, 1)
    part = cash_share(per_share, new, old, price) if gives_shares and gives_cash else (int(gives_cash), 1)
    paid = dollars(sum(held), per_share) if gives_cash else 0
    sold, kept = exchanged(lots_of(held, costs), new, old, paid, part)
    assert sum(sale.cost for sale in sold) + sum(lot.remaining_cost for lot in kept) == sum(costs)
    assert sum(sale.proceeds for sale in sold) == paid
    assert sum(lot.remaining for lot in kept) == (scaled(sum(held), new, old) if gives_shares else 0)
    assert all(0 < sale.quantity <= lot.remaining for sale, lot in zip(sold, lots_of(held, costs), strict=False))
    assert len({sale.lot_id for sale in sold}) == len(sold)


def test_cash_pays_for_the_part_of_a_share_that_it_is_worth() -> None:
    """$10 and half a share at $60: a quarter of what it cost was sold for the money."""
    part, whole = cash_share(10 * UNIT, 1 * UNIT, 2 * UNIT, 60 * UNIT)
    assert Fraction(part, whole) == Fraction(1, 4)
