"""How long orders are collected."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.catalogue import INSTRUMENTS
from app.market.types import Instrument
from app.market.windows import window_length

AAPL, BTC = (next(one for one in INSTRUMENTS if one.symbol == symbol) for symbol in ("AAPL", "BTC"))
OPEN, CLOSED = timedelta(milliseconds=50), timedelta(milliseconds=500)


@pytest.mark.parametrize(
    ("at", "length"),
    [
        (datetime(2021, 1, 4, 14, 29, 59, 999_999, tzinfo=UTC), CLOSED),
        (datetime(2021, 1, 4, 14, 30, tzinfo=UTC), OPEN),
        (datetime(2021, 1, 4, 20, 59, 59, 999_999, tzinfo=UTC), OPEN),
        (datetime(2021, 1, 4, 21, 0, tzinfo=UTC), CLOSED),
        (datetime(2021, 1, 2, 16, 0, tzinfo=UTC), CLOSED),  # a Saturday
        (datetime(2021, 1, 18, 16, 0, tzinfo=UTC), CLOSED),  # Martin Luther King Day
        (datetime(2021, 11, 26, 18, 30, tzinfo=UTC), CLOSED),  # after an early close
    ],
)
def test_equities_follow_their_exchange(at: datetime, length: timedelta) -> None:
    assert window_length(AAPL, at) == length


@given(st.timedeltas(timedelta(0), timedelta(days=16_793)))
def test_crypto_has_no_closing_time(later: timedelta) -> None:
    assert window_length(BTC, datetime(1990, 1, 3, tzinfo=UTC) + later) == OPEN


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda one: one.symbol)
def test_every_instrument_has_a_calendar(instrument: Instrument) -> None:
    assert window_length(instrument, datetime(2021, 1, 4, 15, tzinfo=UTC)) == OPEN
