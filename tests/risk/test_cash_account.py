"""The cash account's rules against published examples, and at each boundary date."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT
from app.market.calendar import calendar_of
from app.market.catalogue import XNYS
from app.market.settlement import settlement_date
from app.market.types import InstrumentKind
from app.risk.cash_account import (
    SoldPart,
    Violation,
    ViolationKind,
    restricted_until,
    restrictions_from,
    violation_of,
    year_before,
)
from tests.risk.proposals import ANN, dollars

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/cash_account_rules.json").read_text())
SALES = [(part, day, kind) for part in GOLDEN["sales"] for day, kind in part["sold_on"].items()]

DAY = timedelta(days=1)
SALE = date(2026, 11, 25)
GOOD_FAITH, FREE_RIDING = ViolationKind
PART = SoldPart(ANN, 17, InstrumentKind.EQUITY, UUID(int=7), UUID(int=8), SALE, 10 * UNIT, SALE + 2 * DAY, 0)


def violations(kind: ViolationKind, *days: date) -> list[Violation]:
    return [Violation(kind, UUID(int=number), day) for number, day in enumerate(days)]


def a_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


@pytest.mark.parametrize(("case", "day", "kind"), SALES, ids=[f"{part['source']} {day}" for part, day, _ in SALES])
def test_published_sales(case: dict[str, Any], day: str, kind: str | None) -> None:
    sold_on, due = a_day(case["funding_sold_on"]), a_day(case["funding_settles_on"])
    if sold_on is not None:
        assert settlement_date(sold_on, InstrumentKind.EQUITY, calendar_of(XNYS)) == due
    paid = {name: dollars(text) for name, text in case["paid"].items()}
    part = replace(
        PART,
        sold_on=date.fromisoformat(day),
        unsettled=paid["unsettled"],
        settles_on=due,
        unpaid=paid["unpaid"],
    )
    assert violation_of(part) == kind


@pytest.mark.parametrize("case", GOLDEN["restrictions"], ids=[case["source"] for case in GOLDEN["restrictions"]])
def test_published_restrictions(case: dict[str, Any]) -> None:
    found = [
        Violation(ViolationKind(kind), UUID(int=number), date.fromisoformat(day))
        for number, (day, kind) in enumerate(case["violations"].items())
    ]
    first, last = date.fromisoformat(case["first_day"]), date.fromisoformat(case["last_day"])
    assert restricted_until(found, first - DAY) is None
    for day in (first, last):
        restriction = restricted_until(found, day)
        assert restriction is not None
        assert (restriction.since, restriction.until) == (first, last)
    assert restricted_until(found, last + DAY) is None


def test_a_purchase_may_be_sold_on_the_day_its_funding_settles_and_not_before() -> None:
    """Sold on Wednesday before Thanksgiving, settled on Friday: T+1 is not the day after."""
    settles = settlement_date(SALE, InstrumentKind.EQUITY, calendar_of(XNYS))
    assert settles == date(2026, 11, 27)
    for day, kind in ((SALE, GOOD_FAITH), (settles - DAY, GOOD_FAITH), (settles, None), (settles + DAY, None)):
        assert violation_of(replace(PART, sold_on=day, settles_on=settles)) is kind


def test_a_unit_is_enough() -> None:
    assert violation_of(replace(PART, unsettled=1)) is GOOD_FAITH
    assert violation_of(replace(PART, unsettled=0)) is None
    assert violation_of(replace(PART, unsettled=0, unpaid=1)) is FREE_RIDING


def test_what_was_never_paid_is_the_graver_one() -> None:
    assert violation_of(replace(PART, unpaid=CENT)) is FREE_RIDING
    assert violation_of(replace(PART, unpaid=CENT, sold_on=SALE + 30 * DAY)) is FREE_RIDING


def test_crypto_is_no_security() -> None:
    assert violation_of(replace(PART, instrument=InstrumentKind.CRYPTO, unpaid=CENT)) is None


@pytest.mark.parametrize(
    ("days", "restricted"),
    [
        ((date(2025, 11, 25), date(2026, 3, 2), SALE), False),  # the day a year ago is past
        ((date(2025, 11, 26), date(2026, 3, 2), SALE), True),
        ((date(2026, 3, 2), SALE), False),
        ((SALE, SALE, SALE), True),
        ((date(2024, 2, 28), date(2025, 2, 27), date(2025, 2, 28)), False),
        ((date(2024, 2, 29), date(2025, 2, 27), date(2025, 2, 28)), True),
        ((date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29)), False),
        ((date(2023, 3, 1), date(2024, 2, 28), date(2024, 2, 29)), True),
    ],
)
def test_three_in_twelve_months(days: tuple[date, ...], restricted: bool) -> None:
    found = restricted_until(violations(GOOD_FAITH, *days), days[-1])
    assert (found is not None) is restricted
    if found is not None:
        assert f"3 good-faith violations within twelve months, the last on {days[-1]}" in found.why


def test_a_fourth_begins_another_ninety_days() -> None:
    days = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4), SALE)
    found = restrictions_from(violations(GOOD_FAITH, *days))
    assert [(each.since, each.until) for each in found] == [
        (date(2026, 3, 4), date(2026, 6, 2)),
        (SALE, date(2027, 2, 23)),
    ]
    assert restricted_until(violations(GOOD_FAITH, *days), date(2026, 6, 3)) is None


def test_one_order_that_sold_from_three_lots_is_one_violation() -> None:
    order = UUID(int=7)
    lots = [Violation(GOOD_FAITH, order, SALE) for _ in range(3)]
    assert restricted_until(lots, SALE) is None
    assert restricted_until([*lots, *violations(GOOD_FAITH, SALE, SALE)], SALE) is not None


def test_the_longest_of_several_restrictions_is_told() -> None:
    found = restricted_until(violations(FREE_RIDING, SALE, SALE + 10 * DAY), SALE + 20 * DAY)
    assert found is not None
    assert found.until == SALE + 100 * DAY


def test_what_has_not_happened_yet_restricts_nobody() -> None:
    assert restricted_until(violations(FREE_RIDING, SALE), SALE - DAY) is None


def test_a_year_before() -> None:
    assert year_before(date(2024, 2, 29)) == date(2023, 2, 28)
    assert year_before(date(2025, 2, 28)) == date(2024, 2, 28)


days = st.dates(date(2024, 1, 1), date(2026, 12, 31))
kinds = st.sampled_from(ViolationKind)
some = st.lists(st.builds(Violation, kinds, st.uuids(), days), max_size=8)


@given(some, st.builds(Violation, kinds, st.uuids(), days), days)
def test_a_violation_more_never_ends_a_restriction_sooner(found: list[Violation], more: Violation, on: date) -> None:
    before, after = restricted_until(found, on), restricted_until([*found, more], on)
    assert before is None or (after is not None and after.until >= before.until)


@given(some, days, st.data())
def test_the_order_in_which_violations_are_known_does_not_matter(
    found: list[Violation], on: date, data: st.DataObject
) -> None:
    other = restricted_until(data.draw(st.permutations(found)), on)
    assert (other and other.until) == ((first := restricted_until(found, on)) and first.until)
