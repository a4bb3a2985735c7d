"""When an exchange trades: sessions as plain sorted tuples, looked up by bisection.

The XNYS schedule, holidays and early closes included, comes from exchange-calendars; "24/7" is one session
per UTC day. Both reach from 1990 to 2035. Sessions beyond what the exchange has announced follow its standing
rules and can't know a closure decided later (a day of mourning, a storm): update the package to learn of it.
"""

import warnings
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from app.market.catalogue import ALWAYS_OPEN
from app.market.errors import OutsideCalendar

FIRST_DAY: Final = date(1990, 1, 1)
LAST_DAY: Final = date(2035, 12, 31)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class ExchangeCalendar:
    """An exchange's sessions: number n is on ``dates[n]`` and lasts from ``opens[n]`` to ``closes[n]``.

    Moments are aware datetimes. Every method raises ``OutsideCalendar`` for what lies before the first
    session or after the last.
    """

    name: str
    dates: tuple[date, ...] = field(repr=False)
    opens: tuple[datetime, ...] = field(repr=False)
    closes: tuple[datetime, ...] = field(repr=False)

    def is_open(self, at: datetime) -> bool:
        """Whether the exchange trades at this moment: from the open until just before the close."""
        return self.opens[self.index_of(at)] <= at

    def session_of(self, at: datetime) -> date:
        """The clearing business date: the session under way, else the next. A close belongs to the next."""
        return self.dates[self.index_of(at)]

    def next_open(self, at: datetime) -> datetime:
        """The first open after this moment (during a session, that of the session to follow)."""
        self.index_of(at)
        index = bisect_right(self.opens, at)
        if index == len(self.opens):
            raise self._outside(at)
        return self.opens[index]

    def session_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Open and close of the session of this date."""
        index = self._index_on(day)
        return self.opens[index], self.closes[index]

    def add_sessions(self, day: date, count: int) -> date:
        """The session that lies ``count`` sessions after (before, if negative) the session of this date."""
        index = self._index_on(day) + count
        if not 0 <= index < len(self.dates):
            raise self._outside(day)
        return self.dates[index]

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this date at all."""
        index = bisect_left(self.dates, day)
        if index == len(self.dates) or day < self.dates[0]:
            raise self._outside(day)
        return self.dates[index] == day

    def index_of(self, at: datetime) -> int:
        """The number of the session that is under way, or else of the next one."""
        index = bisect_right(self.closes, at)
        if index == len(self.closes) or at < self.opens[0]:
            raise self._outside(at)
        return index

    def begun(self, at: datetime) -> int:
        """The number of the session that is under way, or else of the one before."""
        self.index_of(at)
        return bisect_right(self.opens, at) - 1

    def _index_on(self, day: date) -> int:
        if not self.is_session(day):
            raise OutsideCalendar(f"{self.name} has no session on {day}: it is a weekend or a holiday")
        return bisect_left(self.dates, day)

    def _outside(self, value: date) -> OutsideCalendar:
        first, last = self.dates[0], self.dates[-1]
        return OutsideCalendar(f"{value} is outside the {self.name} calendar, which covers {first} to {last}")


@cache
def calendar_of(exchange: str) -> ExchangeCalendar:
    """The calendar of an exchange, by its market identifier code such as ``"XNYS"``, or of ``"24/7"``."""
    if exchange != ALWAYS_OPEN:
        return _load(exchange)
    days = tuple(FIRST_DAY + n * _DAY for n in range((LAST_DAY - FIRST_DAY).days + 1))
    opens = tuple(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
    return ExchangeCalendar(exchange, days, opens, tuple(moment + _DAY for moment in opens))


def _load(exchange: str) -> ExchangeCalendar:
    # Imported here: it brings pandas, which costs a second, and nothing else needs it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package trips over pandas' own deprecations
        import exchange_calendars  # type: ignore[import-untyped]

        first = FIRST_DAY + _DAY  # the package wants a session to begin with, and 1 January never is one
        schedule = exchange_calendars.get_calendar(exchange, start=str(first), end=str(LAST_DAY)).schedule
        opens, closes = (schedule[column].dt.to_pydatetime() for column in ("open", "close"))
    return ExchangeCalendar(
        exchange,
        tuple(moment.date() for moment in schedule.index),
        tuple(moment.replace(tzinfo=UTC) for moment in opens),
        tuple(moment.replace(tzinfo=UTC) for moment in closes),
    )
