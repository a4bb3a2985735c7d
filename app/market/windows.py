"""How long orders of one instrument are collected before they go out together."""

from datetime import datetime, timedelta
from typing import Final

from app.market.calendar import calendar_of
from app.market.types import Instrument

OPEN_WINDOW: Final = timedelta(milliseconds=50)
CLOSED_WINDOW: Final = timedelta(milliseconds=500)


def window_length(instrument: Instrument, at: datetime) -> timedelta:
    """50 ms while the instrument's exchange trades, 500 ms while it doesn't; "24/7" always trades.

    ``at`` is market time; the length is wall time. Raises ``OutsideCalendar`` beyond the calendar's range.
    """
    return OPEN_WINDOW if calendar_of(instrument.exchange).is_open(at) else CLOSED_WINDOW
