"""Business dates: the sessions of the stock exchange, each until midnight in New York, where the books close."""

from datetime import date, datetime, time, timedelta

from app.market.calendar import calendar_of
from app.market.catalogue import XNYS
from app.market.market import NEW_YORK


def ends_at(day: date) -> datetime:
    """The first moment that is not of this date any more."""
    return datetime.combine(day + timedelta(days=1), time(), NEW_YORK)


def business_date_of(at: datetime) -> date:
    """The business date that a moment belongs to: what happens on a weekend belongs to the Monday after it."""
    day = at.astimezone(NEW_YORK).date()
    while not calendar_of(XNYS).is_session(day):
        day += timedelta(days=1)
    return day


def next_after(day: date) -> date:
    """The business date after this one."""
    return calendar_of(XNYS).add_sessions(day, 1)
