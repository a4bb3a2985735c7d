"""Units shared out pro rata: exact at every step, within a unit of each quota, never taken back, in any order."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.orders.share_out import share_out

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/sharing.json").read_text())

#: A few weights of any kind, which shrink well, or hundreds by chance.
few = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 10**15)), min_size=1, max_size=12)
hundreds = st.builds(
    lambda count, seed, most: [Random(seed + n).randint(1, most) for n in range(count)],
    st.integers(13, 300),
    st.integers(0, 10**6),
    st.sampled_from((1, 10, 10**6, 10**12)),
)
weights_of_all_kinds = st.one_of(few, hundreds)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[int], list[int], list[int]]:
    """Weights, each one's turn, and the growing totals that are shared out: up to all of it, or less."""
    weights = draw(weights_of_all_kinds)
    turns = list(range(len(weights)))
    draw(st.randoms(use_true_random=False)).shuffle(turns)
    whole = sum(weights)
    totals = sorted(draw(st.lists(st.integers(0, whole), min_size=1, max_size=6)))
    return weights, turns, [*totals[:-1], whole] if draw(st.booleans()) else totals


@pytest.mark.parametrize("case", GOLDEN["shared_out"], ids=lambda case: case["source"][:40])
def test_golden_cases(case: dict[str, Any]) -> None:
    weights: list[int] = case["weights"]
    shares = [0] * len(weights)
    for step in case["steps"]:
        shares = share_out(step["total"], weights, shares, range(len(weights)), more_to_come=not step["last"])
        assert sorted(shares) == step["shares"]


@settings(deadline=None, max_examples=150)
@given(schedules())
def test_every_step_is_exact_within_a_unit_of_quota_and_takes_nothing_back(
    schedule: tuple[list[int], list[int], list[int]],
) -> None:
    weights, turns, totals = schedule
    whole, shares = sum(weights), [0] * len(weights)
    for left, total in zip(reversed(range(len(totals))), totals, strict=True):
        before, shares = shares, share_out(total, weights, shares, turns, more_to_come=left > 0)
        assert sum(shares) == total
        assert all(now >= then for now, then in zip(shares, before, strict=True))
        assert all(abs(share * whole - total * weight) < whole for share, weight in zip(shares, weights, strict=True))
    if totals[-1] == whole:
        assert shares == weights


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_unit_by_unit_and_by_leaps_nobody_is_ever_a_unit_off(seed: int) -> None:
    """A few heavy ones among many light ones: there the largest remainders would use up units that fall due later."""
    random = Random(seed)
    weights = [random.choice((1, 1, 2, random.randint(1, 200))) for _ in range(random.randint(2, 20))]
    whole, shares, total = sum(weights), [0] * len(weights), 0
    turns = random.sample(range(100), len(weights))
    while total < whole:
        total = min(whole, total + random.choice((1, 1, 1, 2, 5)))
        before, shares = shares, share_out(total, weights, shares, turns, more_to_come=True)
        assert sum(shares) == total
        assert all(now >= then for now, then in zip(shares, before, strict=True))
        assert all(abs(share * whole - total * weight) < whole for share, weight in zip(shares, weights, strict=True))


@settings(deadline=None, max_examples=80)
@given(schedules(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_list_means_nothing(
    schedule: tuple[list[int], list[int], list[int]], random: Random, more: bool
) -> None:
    weights, turns, totals = schedule
    first = share_out(totals[0], weights, [0] * len(weights), turns, more_to_come=True)
    shares = share_out(totals[-1], weights, first, turns, more_to_come=more)
    places = list(range(len(weights)))
    random.shuffle(places)
    permuted = share_out(
        totals[-1],
        [weights[place] for place in places],
        [first[place] for place in places],
        [turns[place] for place in places],
        more_to_come=more,
    )
    assert permuted == [shares[place] for place in places]


@settings(deadline=None, max_examples=80)
@given(schedules(), st.booleans())
def test_the_same_total_again_changes_nothing(schedule: tuple[list[int], list[int], list[int]], more: bool) -> None:
    weights, turns, totals = schedule
    shares = [0] * len(weights)
    for total in totals:
        shares = share_out(total, weights, shares, turns, more_to_come=True)
    assert share_out(totals[-1], weights, shares, turns, more_to_come=more) == shares


@settings(deadline=None, max_examples=80)
@given(weights_of_all_kinds, weights_of_all_kinds, st.integers(0, 10**6), st.integers(0, 10**6))
def test_with_other_weights_the_sum_is_exact_and_nothing_is_taken_back(
    first: list[int], then: list[int], some: int, more: int
) -> None:
    """Dollars follow shares, and shares of orders by amount follow the price: weights change between fills."""
    count = min(len(first), len(then))
    turns = range(count)
    before = share_out(some, first[:count], [0] * count, turns, more_to_come=True)
    after = share_out(some + more, then[:count], before, turns)
    assert sum(after) == some + more
    assert all(now >= had for now, had in zip(after, before, strict=True))


def test_nobody_without_a_weight_gets_anything() -> None:
    assert share_out(7, [0, 3, 0, 4], [0] * 4, range(4)) == [0, 3, 0, 4]


def test_less_than_was_shared_out_cannot_be_all_there_is() -> None:
    with pytest.raises(ValueError, match="5 units are shared out already, 4 can't be all"):
        share_out(4, [1, 1], [3, 2], range(2))


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_must_be_positive_in_sum_and_none_negative(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be positive"):
        share_out(0, weights, [0] * len(weights), range(len(weights)))
