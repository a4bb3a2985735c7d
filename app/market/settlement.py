"""When a trade settles."""

from bisect import bisect_right
from datetime import date, timedelta
from typing import Final

from app.market.calendar import ExchangeCalendar
from app.market.types import InstrumentKind

#: From this trade date on, so many settlement days lie between an equity trade and its settlement.
#: T+5 was the custom until SEC Rule 15c6-1 took effect (Release 34-34952); T+2 by Release 34-80295, T+1 by
#: Release 34-96930.
EQUITY_CYCLES: Final = (
    (date.min, 5),
    (date(1995, 6, 7), 3),
    (date(2017, 9, 5), 2),
    (date(2024, 5, 28), 1),
)

#: The exchange closes on Martin Luther King Day since this year; until then only the banks did.
_KING_DAY_CLOSURE: Final = 1998


def settlement_date(trade_date: date, kind: InstrumentKind, calendar: ExchangeCalendar) -> date:
    """The day on which a trade of this clearing business date settles.

    Crypto settles the same day. Equities settle after the cycle in force on the trade date, counted in
    sessions on which the banks are open too: a session on a bank holiday (Columbus Day, Veterans Day) is no
    settlement day (FINRA Notices to Members 92-54 and 95-77). Raises ``OutsideCalendar`` if the trade date is
    no session, ``ValueError`` for an index, which can't be traded.
    """
    if kind is InstrumentKind.INDEX:
        raise ValueError("an index is not traded, so it does not settle")
    day = calendar.add_sessions(trade_date, 0)
    remaining = 0 if kind is InstrumentKind.CRYPTO else cycle(trade_date)
    while remaining:
        day = calendar.add_sessions(day, 1)
        if not is_bank_holiday(day):
            remaining -= 1
    return day


def cycle(trade_date: date) -> int:
    """Settlement days between an equity trade and its settlement: 1 for T+1."""
    starts = [start for start, _ in EQUITY_CYCLES]
    return EQUITY_CYCLES[bisect_right(starts, trade_date) - 1][1]


def is_bank_holiday(session: date) -> bool:
    """Whether the Federal Reserve Banks rest although the exchange trades.

    They keep a holiday that falls on a Sunday on the Monday, and skip one that falls on a Saturday
    (Federal Reserve Banks' holiday schedule).
    """
    monday = session.weekday() == 0
    match session.month:
        case 1:
            return monday and 15 <= session.day <= 21 and session.year < _KING_DAY_CLOSURE
        case 10:
            return monday and 8 <= session.day <= 14
        case 11:
            veterans = date(session.year, 11, 11)
            return session == veterans or (monday and session - timedelta(days=1) == veterans)
    return False
