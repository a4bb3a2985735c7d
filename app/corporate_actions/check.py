"""Which action may be announced: terms and dates that suit its kind, before any of them has begun. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from app.corporate_actions.errors import AnnounceError
from app.corporate_actions.types import ActionKind, Fractions, Terms
from app.kernel.errors import Refusal
from app.kernel.money import UNIT, to_text
from app.kernel.texts import is_text
from app.market.calendar import calendar_of
from app.market.errors import OutsideCalendar
from app.market.settlement import settlement_date
from app.market.types import Instrument, InstrumentKind

MAX_REASON: Final = 500
#: Market time before the last session's close at which trading halts, so that venues can let go of every order.
LEAD: Final = timedelta(minutes=10)
#: The most shares on either side of a ratio, and the most dollars per share.
MAX_RATIO: Final = 1_000_000 * UNIT
#: A share becomes so many at most, or so many become one: what is beyond is a slip.
MAX_MORE: Final = 1_000
MAX_FEWER: Final = 10_000
MAX_DOLLARS: Final = 1_000_000 * UNIT
#: A dividend is paid so many days after the ex-date at most.
MAX_WAIT: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Announce:
    """An action wanted. ``simulated`` says that prices follow from it, because the market is ours.

    ``into`` is the acquirer of a merger; a dividend has a ``pay_date``.
    """

    kind: ActionKind
    instrument: Instrument
    terms: Terms
    ex_date: date
    reason: str
    actor: str
    into: Instrument | None = None
    pay_date: date | None = None
    simulated: bool = True


@dataclass(frozen=True, slots=True)
class Dates:
    """What follows from the ex-date: who buys the day before has settled on the ``record_date``."""

    record_date: date
    begins_at: datetime
    effective_at: datetime


def dates_of(command: Announce) -> Dates:
    """The action takes effect when the session before its ex-date closes. Raises ``OutsideCalendar``."""
    calendar = calendar_of(command.instrument.exchange)
    before = calendar.add_sessions(command.ex_date, -1)
    _, effective_at = calendar.session_bounds(before)
    begins_at = effective_at if command.kind is ActionKind.DIVIDEND else effective_at - LEAD
    return Dates(settlement_date(before, command.instrument.kind, calendar), begins_at, effective_at)


def check(command: Announce, now: datetime) -> Refusal | None:
    """Why it can't be announced at that moment of market time, or None."""
    return (
        _instruments(command)
        or _numbers(command)
        or _shares(command)
        or _cash(command)
        or _price(command)
        or _dates(command, now)
        or _reason(command)
    )


def _instruments(command: Announce) -> Refusal | None:
    for path, instrument in (("symbol", command.instrument), ("intoSymbol", command.into)):
        if instrument is not None and not (instrument.kind is InstrumentKind.EQUITY and instrument.tradable):
            message = f"{instrument.symbol} is no company's share; name an equity that is traded."
            return Refusal(AnnounceError.INSTRUMENT_UNSUITABLE, message, path)
    merger = command.kind is ActionKind.MERGER
    if not merger and command.into is not None:
        message = f"A {command.kind} has no acquirer, got {command.into.symbol}; leave it out."
        return Refusal(AnnounceError.INSTRUMENT_UNSUITABLE, message, "intoSymbol")
    if merger and (command.into is None or command.into.id == command.instrument.id):
        message = f"A MERGER needs the acquirer, another instrument than {command.instrument.symbol}."
        return Refusal(AnnounceError.INSTRUMENT_UNSUITABLE, message, "intoSymbol")
    return None


def _numbers(command: Announce) -> Refusal | None:
    terms = command.terms
    for path, value, most in (
        ("newShares", terms.new_shares, MAX_RATIO),
        ("oldShares", terms.old_shares, MAX_RATIO),
        ("cashPerShare", terms.cash_per_share, MAX_DOLLARS),
        ("price", terms.price, MAX_DOLLARS),
    ):
        if not 0 <= value <= most:
            return _terms(f"It may be more than 0, up to {to_text(most)}, got {to_text(value)}.", path)
    return None


def _shares(command: Announce) -> Refusal | None:
    kind, new, old = command.kind, command.terms.new_shares, command.terms.old_shares
    ratio = f"{to_text(new)} for {to_text(old)}"
    if bool(new) != bool(old):
        return _terms(f"A ratio has two sides, got {ratio}; name both, or none.", "newShares" if old else "oldShares")
    if kind is ActionKind.SPLIT and new <= old:
        return _terms(f"A SPLIT gives more shares than there were, got {ratio}; name more new ones.", "newShares")
    if kind is ActionKind.REVERSE_SPLIT and not 0 < new < old:
        return _terms(f"A REVERSE_SPLIT gives fewer shares, got {ratio}; name fewer new ones.", "newShares")
    if new > old * MAX_MORE or old > new * MAX_FEWER:
        message = f"A share becomes {MAX_MORE:,} at most, or {MAX_FEWER:,} become one, got {ratio}; look again."
        return _terms(message, "newShares")
    if kind is ActionKind.DIVIDEND and new:
        return _terms("A DIVIDEND in cash gives no shares; leave the ratio out.", "newShares")
    return None


def _cash(command: Announce) -> Refusal | None:
    kind, cash = command.kind, command.terms.cash_per_share
    if kind in (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT) and cash:
        return _terms(f"A {kind} pays no cash per share; leave it out.", "cashPerShare")
    if kind is ActionKind.DIVIDEND and not cash:
        return _terms("A DIVIDEND needs its dollars per share.", "cashPerShare")
    if kind is ActionKind.MERGER and not (cash or command.terms.new_shares):
        return _terms("A MERGER gives shares, cash or both; name what each share gets.", "newShares")
    return None


def _price(command: Announce) -> Refusal | None:
    terms = command.terms
    if terms.fractions is Fractions.CASH and not terms.new_shares:
        return _terms("Where no shares are given there are no fractions to pay for; choose KEPT.", "fractions")
    divides = command.kind is ActionKind.MERGER and terms.cash_per_share and terms.new_shares
    if (terms.fractions is Fractions.CASH or divides) and not terms.price:
        why = "to divide the basis between shares and cash" if divides else "to pay for fractions"
        return _terms(f"The price of a share under the new terms is needed, {why}.", "price")
    return None


def _dates(command: Announce, now: datetime) -> Refusal | None:
    try:
        dates = dates_of(command)
    except OutsideCalendar as error:
        return _day(f"{error}; name a day on which the exchange trades.", "exDate")
    if dates.begins_at <= now:
        return _day(
            f"The ex-date {command.ex_date} is too near: it begins at {dates.begins_at.isoformat()}, and on the "
            f"market's clock it is {now.isoformat()}; name a later one.",
            "exDate",
        )
    pays = command.kind is ActionKind.DIVIDEND
    if pays != (command.pay_date is not None):
        needs = "needs a pay date" if pays else "has no pay date; leave it out"
        return _day(f"A {command.kind} {needs}.", "payDate")
    if command.pay_date is not None and not dates.record_date <= command.pay_date <= command.ex_date + MAX_WAIT:
        return _day(
            f"The pay date {command.pay_date} must lie from the record date {dates.record_date} to a year after it.",
            "payDate",
        )
    return None


def _reason(command: Announce) -> Refusal | None:
    if is_text(command.reason, MAX_REASON):
        return None
    message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(command.reason)}."
    return Refusal(AnnounceError.REASON_INVALID, message, "reason")


def _terms(message: str, path: str) -> Refusal:
    return Refusal(AnnounceError.TERMS_INVALID, message, path)


def _day(message: str, path: str) -> Refusal:
    return Refusal(AnnounceError.DATES_INVALID, message, path)
