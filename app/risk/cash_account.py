"""What a cash account may not do with money that has not come in yet, and what follows. Pure.

Regulation T lets a customer buy on the promise to pay promptly, and "before selling" (12 CFR 220.8(a)(1)(ii)).

- Free riding: what was bought is sold, and was never paid with money that was there. The privilege of paying later is
  withdrawn for 90 calendar days following the date of the sale (12 CFR 220.8(c)(1)).
- Good-faith violation: it was paid with the proceeds of sales, and is sold before those have settled. No authority
  counts them; brokers do, and after three within twelve months the account buys with settled cash only for 90 days
  (Fidelity, Trading FAQs: Trading restrictions).

"Withdrawn" means that the money must be in the account, settled, when it buys: proceeds of the same day are not
(Federal Reserve Board staff opinion of 1999-02-18).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.market.types import InstrumentKind


class ViolationKind(StrEnum):
    """What a cash account did that it may not."""

    GOOD_FAITH_VIOLATION = "GOOD_FAITH_VIOLATION"
    FREE_RIDING = "FREE_RIDING"


@dataclass(frozen=True, slots=True)
class SoldPart:
    """What one order sold of one lot, and how that lot was paid. ``unsettled`` and ``unpaid`` are units of dollars.

    ``unsettled`` is what of its price came from sales that had not settled, ``settles_on`` when the last of these do
    (None where there are none); ``unpaid`` is what is still owed for it, or was advanced and has not come in.
    """

    account_id: UUID
    book: int
    instrument: InstrumentKind
    sold_by: UUID
    bought_by: UUID
    sold_on: date
    unsettled: int
    settles_on: date | None
    unpaid: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation, by the order that sold."""

    kind: ViolationKind
    sold_by: UUID
    occurred_on: date


@dataclass(frozen=True, slots=True)
class Restriction:
    """Settled cash only: from ``since``, ``until`` the last day of it."""

    since: date
    until: date
    why: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """After so many good-faith violations within twelve months, so many days of settled cash only."""

    good_faith_violations: int
    good_faith_days: int
    free_riding_days: int


#: From the day on which a violation occurs. The 90 days are as old as the cash account; the count of three is custom.
THRESHOLDS: Final = ((date.min, Thresholds(good_faith_violations=3, good_faith_days=90, free_riding_days=90)),)


def violation_of(part: SoldPart) -> ViolationKind | None:
    """What the sale violates, if anything. On the day on which the proceeds settle it may be sold.

    Regulation T is about securities: crypto is none.
    """
    if part.instrument is not InstrumentKind.EQUITY:
        return None
    if part.unpaid > 0:
        return ViolationKind.FREE_RIDING
    if part.unsettled > 0 and part.settles_on is not None and part.sold_on < part.settles_on:
        return ViolationKind.GOOD_FAITH_VIOLATION
    return None


def restricted_until(violations: Iterable[Violation], on: date) -> Restriction | None:
    """The restriction that an account is under on that day, the longest if there are several; None if there is none."""
    found = [each for each in restrictions_from(violations) if each.since <= on <= each.until]
    return max(found, key=lambda each: each.until, default=None)


def restrictions_from(violations: Iterable[Violation]) -> list[Restriction]:
    """Every restriction that these ever led to. One order counts once, whatever lots it sold from."""
    found, good_faith = [], list[date]()
    seen: set[tuple[ViolationKind, UUID]] = set()
    for each in sorted(violations, key=lambda violation: violation.occurred_on):
        if (each.kind, each.sold_by) in seen:
            continue
        seen.add((each.kind, each.sold_by))
        day, thresholds = each.occurred_on, thresholds_on(each.occurred_on)
        if each.kind is ViolationKind.FREE_RIDING:
            found.append(_from(day, thresholds.free_riding_days, f"free riding on {day}"))
            continue
        good_faith.append(day)
        count = _within_twelve_months(good_faith, day)
        if count >= thresholds.good_faith_violations:
            why = f"{count} good-faith violations within twelve months, the last on {day}"
            found.append(_from(day, thresholds.good_faith_days, why))
    return found


def thresholds_on(day: date) -> Thresholds:
    """The thresholds in force on that day."""
    starts = [start for start, _ in THRESHOLDS]
    return THRESHOLDS[bisect_right(starts, day) - 1][1]


def year_before(day: date) -> date:
    """The same day of the year before; of 29 February the 28th."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _within_twelve_months(days: Sequence[date], until: date) -> int:
    """How many of the (ascending) days lie in the twelve months that end with ``until``: its day a year ago is past."""
    return len(days) - bisect_right(days, year_before(until))


def _from(day: date, days: int, why: str) -> Restriction:
    return Restriction(day, day + timedelta(days=days), why)
