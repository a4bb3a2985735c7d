"""What a venue deals by: decimals, whole shares, hours, windows. Data with effective dates, read once at the start."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from app.infra.database import EngineConnection
from app.kernel.money import SCALE, divide_half_up
from app.market.calendar import calendar_of
from app.market.types import InstrumentKind


class Rounding(StrEnum):
    """What becomes of the decimals beyond a venue's scale."""

    TRUNCATE = "TRUNCATE"
    HALF_UP = "HALF_UP"


@dataclass(frozen=True, slots=True)
class Precision:
    """To how many decimals a quantity is rounded, and how. The ledger keeps eight: what a venue has beyond is cut."""

    scale: int = SCALE
    rounding: Rounding = Rounding.HALF_UP

    @property
    def step(self) -> int:
        """The smallest quantity, in units of 1e-8."""
        step: int = 10 ** max(SCALE - self.scale, 0)
        return step

    def quotient(self, dividend: int, divisor: int) -> int:
        """``dividend ÷ divisor``, a quantity in units, to this precision."""
        if self.rounding is Rounding.HALF_UP and self.scale <= SCALE:
            return divide_half_up(dividend, divisor * self.step) * self.step
        return dividend // (divisor * self.step) * self.step


#: Eight decimals, half up.
EXACT = Precision()


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """How ``venue`` deals in instruments of ``kind``, from ``effective_from`` (market time) on.

    ``scale`` is how many decimals a customer's quantity may have. ``whole_shares``: the venue itself deals no
    fractions. ``calendar`` is an exchange's code, or "24/7"; the windows are wall time.
    """

    venue: str
    kind: InstrumentKind
    effective_from: datetime
    scale: int
    rounding: Rounding
    whole_shares: bool
    extended_hours: bool
    calendar: str
    open_window: timedelta
    closed_window: timedelta

    def window_length(self, at: datetime) -> timedelta:
        """How long orders are gathered that begin to wait at ``at`` (market time).

        Raises ``OutsideCalendar`` beyond the calendar's range.
        """
        return self.open_window if calendar_of(self.calendar).is_open(at) else self.closed_window

    def trades(self, at: datetime) -> bool:
        """Whether the venue deals at this moment of market time. Raises ``OutsideCalendar`` like the calendar."""
        return self.extended_hours or calendar_of(self.calendar).is_open(at)

    @property
    def precision(self) -> Precision:
        """What a customer's quantity is rounded to there."""
        return Precision(self.scale, self.rounding)


@dataclass(frozen=True, slots=True)
class VenueProfiles:
    """Every profile there is, by venue and kind, each from the oldest to the newest."""

    by_venue_and_kind: Mapping[tuple[str, InstrumentKind], tuple[VenueProfile, ...]]

    @classmethod
    def of(cls, profiles: Iterable[VenueProfile]) -> Self:
        """From profiles in any order."""
        found: dict[tuple[str, InstrumentKind], tuple[VenueProfile, ...]] = {}
        for each in sorted(profiles, key=lambda each: each.effective_from):
            key = each.venue, each.kind
            found[key] = (*found.get(key, ()), each)
        return cls(found)

    def profile_of(self, venue: str, kind: InstrumentKind, at: datetime) -> VenueProfile:
        """The profile in force at a moment of market time. ``LookupError`` if the venue doesn't deal in the kind."""
        profiles = self.by_venue_and_kind.get((venue, kind), ())
        index = bisect_right(profiles, at, key=lambda each: each.effective_from) - 1
        if index < 0:
            raise LookupError(f"venue_profile has no row for {venue!r} and {kind.value} at {at}: add one")
        return profiles[index]


async def load_profiles(connection: EngineConnection) -> VenueProfiles:
    """What the table holds now; a row added later counts after the next start."""
    rows = await connection.fetch("SELECT * FROM venue_profile")
    return VenueProfiles.of(
        VenueProfile(
            venue=row["venue"],
            kind=InstrumentKind(row["kind"]),
            effective_from=row["effective_from"],
            scale=row["scale"],
            rounding=Rounding(row["rounding"]),
            whole_shares=row["whole_shares"],
            extended_hours=row["extended_hours"],
            calendar=row["calendar"],
            open_window=timedelta(milliseconds=row["open_window_ms"]),
            closed_window=timedelta(milliseconds=row["closed_window_ms"]),
        )
        for row in rows
    )
