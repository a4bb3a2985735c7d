"""Settlement dates against published schedules, and the rules between them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, XNYS
from app.market.errors import OutsideCalendar
from app.market.settlement import cycle, is_bank_holiday, settlement_date
from app.market.types import InstrumentKind

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/settlement.json").read_text())
PUBLISHED = [(traded, settles) for part in GOLDEN["settles"] for traded, settles in part["trades"].items()]

sessions = st.integers(0, 11_500).map(lambda number: calendar_of(XNYS).dates[number])


@pytest.mark.parametrize(("traded", "settles"), PUBLISHED)
def test_published_schedules(traded: str, settles: str) -> None:
    trade_date = date.fromisoformat(traded)
    day = settlement_date(trade_date, InstrumentKind.EQUITY, calendar_of(XNYS))
    assert day == date.fromisoformat(settles)


@pytest.mark.parametrize("day", [*map(date.fromisoformat, GOLDEN["not_settlement_days"]["days"])], ids=str)
def test_nothing_settles_while_the_banks_rest(day: date) -> None:
    assert calendar_of(XNYS).is_session(day)
    assert is_bank_holiday(day)


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        (date(2018, 11, 12), True),  # Veterans Day was a Sunday: kept on the Monday
        (date(2023, 11, 10), False),  # it was a Saturday: the Friday before is worked
        (date(2023, 11, 13), False),
        (date(1998, 1, 26), False),
        (date(1997, 1, 13), False),
        (date(2026, 10, 5), False),
        (date(2026, 10, 12), True),
        (date(2026, 10, 19), False),
    ],
)
def test_bank_holidays(day: date, rests: bool) -> None:
    assert is_bank_holiday(day) is rests


@pytest.mark.parametrize(
    ("day", "days"),
    [
        (date(1995, 6, 6), 5),
        (date(1995, 6, 7), 3),
        (date(2017, 9, 4), 3),
        (date(2017, 9, 5), 2),
        (date(2024, 5, 27), 2),
        (date(2024, 5, 28), 1),
    ],
)
def test_a_cycle_starts_on_its_day(day: date, days: int) -> None:
    assert cycle(day) == days


@given(sessions)
def test_equities_settle_later_on_a_day_on_which_money_moves(trade_date: date) -> None:
    xnys = calendar_of(XNYS)
    day = settlement_date(trade_date, InstrumentKind.EQUITY, xnys)
    assert xnys.is_session(day)
    assert not is_bank_holiday(day)
    assert xnys.add_sessions(trade_date, cycle(trade_date)) <= day
    following = xnys.add_sessions(trade_date, 1)
    overtaken = settlement_date(following, InstrumentKind.EQUITY, xnys) < day
    assert not overtaken or cycle(following) < cycle(trade_date)


@given(st.dates(date(1990, 1, 2), date(2035, 12, 1)))
def test_crypto_settles_the_same_day(trade_date: date) -> None:
    assert settlement_date(trade_date, InstrumentKind.CRYPTO, calendar_of(ALWAYS_OPEN)) == trade_date


def test_what_cannot_settle_is_an_error() -> None:
    with pytest.raises(ValueError, match="index"):
        settlement_date(date(2026, 11, 25), InstrumentKind.INDEX, calendar_of(XNYS))
    with pytest.raises(OutsideCalendar, match="2026-11-26"):
        settlement_date(date(2026, 11, 26), InstrumentKind.EQUITY, calendar_of(XNYS))
