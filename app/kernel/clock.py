"""Time is handed in. Nothing else in the code asks the machine what time it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told to: for tests and simulations."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> datetime:
        """Move forward and say the new time."""
        if by < timedelta(0):
            raise ValueError(f"a clock cannot go back by {by}")
        self.time += by
        return self.time
