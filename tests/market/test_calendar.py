"""The exchange calendar against published hours, and its lookups against each other."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.calendar import FIRST_DAY, LAST_DAY, calendar_of
from app.market.catalogue import ALWAYS_OPEN, XNYS
from app.market.errors import OutsideCalendar

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/exchange_hours.json").read_text())
NEW_YORK = ZoneInfo("America/New_York")

exchanges = st.sampled_from([XNYS, ALWAYS_OPEN])
moments = st.timedeltas(timedelta(0), timedelta(days=16_793)).map(datetime(1990, 1, 3, tzinfo=UTC).__add__)


@pytest.mark.parametrize("day", [*map(date.fromisoformat, GOLDEN["closed"])], ids=str)
def test_holidays_are_no_sessions(day: date) -> None:
    xnys = calendar_of(XNYS)
    assert not xnys.is_session(day)
    assert not xnys.is_open(datetime.combine(day, time(12), NEW_YORK))
    with pytest.raises(OutsideCalendar, match="weekend or a holiday"):
        xnys.session_bounds(day)


@pytest.mark.parametrize("day", [*map(date.fromisoformat, GOLDEN["early_close"]["days"])], ids=str)
def test_early_closes(day: date) -> None:
    early = datetime.combine(day, time.fromisoformat(GOLDEN["early_close"]["time"]), NEW_YORK)
    assert calendar_of(XNYS).session_bounds(day)[1] == early
    assert calendar_of(XNYS).is_open(early - timedelta(microseconds=1))
    assert not calendar_of(XNYS).is_open(early)


@pytest.mark.parametrize("day", [*map(date.fromisoformat, GOLDEN["full_day"]["days"])], ids=str)
def test_full_days(day: date) -> None:
    hours = tuple(time.fromisoformat(GOLDEN["full_day"][bound]) for bound in ("open", "close"))
    bounds = calendar_of(XNYS).session_bounds(day)
    assert tuple(bound.astimezone(NEW_YORK) for bound in bounds) == tuple(
        datetime.combine(day, hour, NEW_YORK) for hour in hours
    )


def test_a_close_belongs_to_the_next_session() -> None:
    xnys, friday = calendar_of(XNYS), date(2021, 1, 8)
    opened, closed = xnys.session_bounds(friday)
    assert xnys.session_of(opened - timedelta(hours=5)) == friday
    assert xnys.session_of(closed - timedelta(microseconds=1)) == friday
    assert xnys.session_of(closed) == date(2021, 1, 11)
    assert xnys.session_of(datetime(2021, 1, 10, 12, tzinfo=UTC)) == date(2021, 1, 11)


@given(moments)
def test_around_the_clock_the_session_is_the_utc_date(at: datetime) -> None:
    always = calendar_of(ALWAYS_OPEN)
    assert always.is_open(at)
    assert always.session_of(at) == at.date()


@given(exchanges, moments)
def test_lookups_agree(exchange: str, at: datetime) -> None:
    calendar = calendar_of(exchange)
    opened, closed = calendar.session_bounds(calendar.session_of(at))
    assert at < closed
    assert calendar.is_open(at) == (opened <= at)
    assert calendar.is_open(at) == (calendar.begun(at) == calendar.index_of(at))
    following = calendar.next_open(at)
    assert at < following
    assert calendar.is_open(following)
    assert not calendar.is_open(at) or calendar.session_of(following) == calendar.add_sessions(opened.date(), 1)


@given(exchanges, moments, st.integers(-3, 3))
def test_sessions_are_counted_both_ways(exchange: str, at: datetime, count: int) -> None:
    calendar = calendar_of(exchange)
    day = calendar.add_sessions(calendar.session_of(at), 3 if count < 0 else 0)
    there = calendar.add_sessions(day, count)
    assert calendar.add_sessions(there, -count) == day
    assert (there > day) - (there < day) == (count > 0) - (count < 0)


@pytest.mark.parametrize("exchange", [XNYS, ALWAYS_OPEN])
def test_beyond_its_range_the_calendar_says_so(exchange: str) -> None:
    calendar = calendar_of(exchange)
    for outside in (datetime(1989, 12, 29, 15, tzinfo=UTC), datetime(2036, 1, 2, 15, tzinfo=UTC)):
        for ask in (calendar.is_open, calendar.session_of, calendar.next_open, calendar.begun):
            with pytest.raises(OutsideCalendar, match="outside"):
                ask(outside)
    with pytest.raises(OutsideCalendar, match="outside"):
        calendar.add_sessions(calendar.dates[-1], 1)
    with pytest.raises(OutsideCalendar, match="outside"):
        calendar.add_sessions(calendar.dates[0], -1)
    with pytest.raises(OutsideCalendar, match="outside"):
        calendar.is_session(LAST_DAY + timedelta(days=1))
    assert FIRST_DAY <= calendar.dates[0] < calendar.dates[-1] <= LAST_DAY
