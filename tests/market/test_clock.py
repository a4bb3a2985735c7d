"""Market time: always in a session, never backwards, the same for all who share the anchor."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.infra.database import EngineConnection
from app.kernel.clock import ManualClock
from app.market.calendar import calendar_of
from app.market.catalogue import XNYS
from app.market.clock import SILENCE, START, Anchor, MarketClock, resume
from app.market.errors import OutsideCalendar

WALL = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

markets = st.timedeltas(timedelta(0), timedelta(days=15_000)).map(datetime(1990, 1, 3, tzinfo=UTC).__add__)
waits = st.timedeltas(timedelta(0), timedelta(hours=3))
speeds = st.integers(1, 600)


@given(markets, speeds, waits, waits)
def test_it_is_always_in_a_session_and_never_goes_back(
    market: datetime, speed: int, first: timedelta, second: timedelta
) -> None:
    xnys, anchor = calendar_of(XNYS), Anchor(market, WALL, speed)
    earlier, later = anchor.at(WALL + first), anchor.at(WALL + first + second)
    assert market <= earlier <= later
    assert xnys.is_open(earlier)
    assert xnys.is_open(later)
    assert (earlier < later) == (second > timedelta(0))
    if xnys.session_of(earlier) == xnys.session_of(later):
        assert later - earlier == speed * second


@given(markets, speeds, waits, waits)
def test_an_anchor_further_on_tells_the_same_time(
    market: datetime, speed: int, first: timedelta, second: timedelta
) -> None:
    anchor = Anchor(market, WALL, speed)
    moved = Anchor(anchor.at(WALL + first), WALL + first, speed)
    assert moved.at(WALL + first + second) == anchor.at(WALL + first + second)


def test_a_session_hops_to_the_next_open() -> None:
    anchor = Anchor(START, WALL, 60)  # 6.5 hours pass in 6.5 minutes
    close = WALL + timedelta(minutes=6.5)
    assert anchor.at(close - SECOND) == datetime(2021, 1, 4, 20, 59, tzinfo=UTC)
    assert anchor.at(close) == datetime(2021, 1, 5, 14, 30, tzinfo=UTC)
    assert anchor.at(WALL + 5 * timedelta(minutes=6.5)) == datetime(2021, 1, 11, 14, 30, tzinfo=UTC)


def test_the_wall_clock_set_back_does_not_set_the_market_back() -> None:
    wall = ManualClock(WALL)
    clock = MarketClock(Anchor(START, WALL, 60), wall)
    reached = clock.now()
    wall.time = WALL - timedelta(hours=1)
    assert clock.anchor.at(wall.time) == START
    assert clock.now() == reached
    wall.time = WALL + SECOND
    assert clock.now() == reached + 60 * SECOND
    clock.anchor = Anchor(START, WALL + SECOND, 60)
    assert clock.now() == reached + 60 * SECOND


def test_after_the_last_session_it_says_so() -> None:
    last = calendar_of(XNYS).opens[-1]
    anchor = Anchor(last, WALL, 1)
    assert anchor.at(WALL + timedelta(hours=6)) == last + timedelta(hours=6)
    with pytest.raises(OutsideCalendar, match="2035-12-31"):
        anchor.at(WALL + timedelta(hours=6.5))


@pytest.mark.asyncio
async def test_the_first_time_it_starts_where_it_is_told(engine: EngineConnection) -> None:
    saturday = datetime(2021, 3, 6, 12, tzinfo=UTC)
    clock = await resume(engine, ManualClock(WALL), saturday)
    assert clock.now() == datetime(2021, 3, 8, 14, 30, tzinfo=UTC)


@pytest.mark.asyncio
async def test_while_nothing_ran_the_market_stood_still(engine: EngineConnection) -> None:
    wall = ManualClock(WALL)
    clock = await resume(engine, wall, speed=60)
    wall.advance(20 * SECOND)
    await clock.heartbeat(engine)
    seen = clock.now()
    wall.advance(SILENCE + timedelta(days=3))
    resumed = await resume(engine, wall, START, speed=10)
    assert resumed.now() == seen
    wall.advance(SECOND)
    assert resumed.now() == seen + 10 * SECOND


@pytest.mark.asyncio
async def test_a_second_process_adopts_the_time_of_the_first(engine: EngineConnection) -> None:
    wall = ManualClock(WALL)
    first = await resume(engine, wall, speed=60)
    wall.advance(SILENCE)
    second = await resume(engine, wall, datetime(2022, 5, 2, 14, tzinfo=UTC), speed=7)
    wall.advance(timedelta(hours=1))
    assert second.now() == first.now()
    assert second.anchor == first.anchor


@pytest.mark.asyncio
async def test_a_process_that_was_silent_follows_the_one_that_went_on(engine: EngineConnection) -> None:
    wall = ManualClock(WALL)
    silent = await resume(engine, wall, speed=60)
    wall.advance(SILENCE + SECOND)
    ahead = silent.now()
    other = await resume(engine, wall, speed=60)
    assert other.now() == START
    await silent.heartbeat(engine)
    assert silent.now() == ahead  # it waits rather than go back
    wall.advance(timedelta(minutes=1))
    assert silent.now() == other.now() > ahead


@pytest.mark.asyncio
async def test_a_heartbeat_needs_a_clock_that_was_started(engine: EngineConnection) -> None:
    with pytest.raises(LookupError, match="resume"):
        await MarketClock(Anchor(START, WALL, 60), ManualClock(WALL)).heartbeat(engine)
