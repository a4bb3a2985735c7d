"""Venue profiles: the row in force at a market time, and what it means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.infra.database import API_ROLE, EnginePool
from app.kernel.money import UNIT, to_units
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, INSTRUMENTS, XNYS
from app.market.types import InstrumentKind
from app.venues.profile import Rounding, VenueProfile, VenueProfiles, load_profiles
from tests.world import WEDNESDAY

OPEN, CLOSED = timedelta(milliseconds=50), timedelta(milliseconds=500)
FIRST = VenueProfile(
    venue="paper",
    kind=InstrumentKind.EQUITY,
    effective_from=datetime(1990, 1, 1, tzinfo=UTC),
    scale=8,
    rounding=Rounding.HALF_UP,
    whole_shares=True,
    extended_hours=False,
    calendar=XNYS,
    open_window=OPEN,
    closed_window=CLOSED,
)
SECOND = replace(FIRST, effective_from=WEDNESDAY, scale=0)


@pytest.mark.asyncio
async def test_what_the_migration_puts_in_is_what_held_before(pool: EnginePool) -> None:
    async with pool.acquire() as connection:
        profiles = await load_profiles(connection)
    for instrument in INSTRUMENTS:
        for venue in ("paper", "house", "fix"):
            deals = instrument.tradable and (venue, instrument.kind) != ("fix", InstrumentKind.CRYPTO)
            assert ((venue, instrument.kind) in profiles.by_venue_and_kind) is deals
        if not instrument.tradable:
            continue
        profile = profiles.profile_of("paper", instrument.kind, WEDNESDAY)
        assert profile.whole_shares is instrument.whole_shares
        assert profile.calendar == instrument.exchange
        for at in (WEDNESDAY, WEDNESDAY.replace(hour=3), datetime(2026, 11, 26, 16, tzinfo=UTC)):
            open_ = calendar_of(instrument.exchange).is_open(at)
            assert profile.window_length(at) == (OPEN if open_ else CLOSED)
    assert not profiles.profile_of("house", InstrumentKind.EQUITY, WEDNESDAY).whole_shares


@pytest.mark.asyncio
async def test_the_api_may_read_profiles_and_nobody_may_change_them(pool: EnginePool, database_url: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("UPDATE venue_profile SET scale = 2")
    api = await asyncpg.connect(database_url, server_settings={"role": API_ROLE})
    assert await api.fetchval("SELECT count(*) FROM venue_profile WHERE scale = 8") == 5
    await api.close()


def test_the_newest_row_that_has_begun_is_in_force() -> None:
    profiles = VenueProfiles.of([SECOND, FIRST])
    microsecond = timedelta(microseconds=1)
    assert profiles.profile_of("paper", InstrumentKind.EQUITY, WEDNESDAY - microsecond) is FIRST
    assert profiles.profile_of("paper", InstrumentKind.EQUITY, WEDNESDAY) is SECOND
    assert profiles.profile_of("paper", InstrumentKind.EQUITY, WEDNESDAY + timedelta(days=9)) is SECOND


@pytest.mark.parametrize(
    ("venue", "kind", "at"),
    [
        ("paper", InstrumentKind.EQUITY, FIRST.effective_from - timedelta(microseconds=1)),
        ("paper", InstrumentKind.CRYPTO, WEDNESDAY),
        ("nowhere", InstrumentKind.EQUITY, WEDNESDAY),
    ],
)
def test_where_no_row_is_in_force_it_says_so(venue: str, kind: InstrumentKind, at: datetime) -> None:
    with pytest.raises(LookupError, match=f"no row for '{venue}' and {kind.value}"):
        VenueProfiles.of([FIRST]).profile_of(venue, kind, at)


def test_windows_and_hours_follow_the_calendar() -> None:
    night = WEDNESDAY.replace(hour=3)
    assert (FIRST.window_length(WEDNESDAY), FIRST.window_length(night)) == (OPEN, CLOSED)
    assert (FIRST.trades(WEDNESDAY), FIRST.trades(night)) == (True, False)
    extended = replace(FIRST, extended_hours=True)
    assert extended.trades(night)
    assert extended.window_length(night) == CLOSED, "the exchange is closed all the same"
    around_the_clock = replace(FIRST, calendar=ALWAYS_OPEN)
    assert around_the_clock.trades(night)
    assert around_the_clock.window_length(night) == OPEN


@pytest.mark.parametrize(
    ("scale", "rounding", "shares"),
    [
        (8, Rounding.HALF_UP, "0.30769231"),  # DriveWealth's published example
        (9, Rounding.TRUNCATE, "0.30769230"),  # Alpaca's 0.307692307, whose ninth decimal the ledger doesn't keep
        (9, Rounding.HALF_UP, "0.30769230"),
        (2, Rounding.HALF_UP, "0.31"),
        (2, Rounding.TRUNCATE, "0.30"),
        (0, Rounding.HALF_UP, "0"),
    ],
)
def test_dollars_become_shares(scale: int, rounding: Rounding, shares: str) -> None:
    profile = replace(FIRST, scale=scale, rounding=rounding)
    assert profile.precision.quotient(100 * UNIT * UNIT, 325 * UNIT) == to_units(Decimal(shares))


@given(st.integers(1, 10**15), st.integers(1, 10**14), st.integers(0, 12), st.sampled_from(Rounding))
def test_shares_have_no_more_decimals_than_the_venue_takes(
    amount: int, price: int, scale: int, rounding: Rounding
) -> None:
    shares = replace(FIRST, scale=scale, rounding=rounding).precision.quotient(amount * UNIT, price)
    step = 10 ** max(8 - scale, 0)
    assert shares % step == 0
    exact = Decimal(amount) * UNIT / price
    assert abs(shares - exact) <= step
    assert rounding is Rounding.HALF_UP or shares <= exact
