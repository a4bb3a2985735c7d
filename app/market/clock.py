"""The demo market's clock: always inside an XNYS session, running faster than the wall's.

When a session ends the clock hops to the next one's open. It is a pure function of an anchor and the wall
clock, so every process that shares the anchor (the row of ``market_clock``) agrees on the time.

The price history ends (2022-12-28) before the calendar does: from there on quotes hold the last close, while
the clock neither stops nor starts over. After the calendar's last day (2035) it raises ``OutsideCalendar``.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Final, Self

from asyncpg import Record

from app.infra.database import EngineConnection
from app.kernel.clock import Clock
from app.market.calendar import calendar_of
from app.market.catalogue import XNYS
from app.market.errors import OutsideCalendar

DEFAULT_SPEED: Final = 60
#: How often a process should call ``heartbeat``.
HEARTBEAT: Final = timedelta(seconds=2)
#: After so long without one the market counts as having stood still.
SILENCE: Final = timedelta(seconds=10)

#: Where the market begins the very first time: the first open of 2021, two years before the history ends.
START: Final = datetime(2021, 1, 4, 14, 30, tzinfo=UTC)

_NONE: Final = timedelta(0)


@cache
def _trading_time() -> tuple[timedelta, ...]:
    """For each session, how much trading time lies before its open, and at the end the whole."""
    calendar = calendar_of(XNYS)
    lengths = (close - open_ for open_, close in zip(calendar.opens, calendar.closes, strict=True))
    return tuple(accumulate(lengths, initial=_NONE))


@dataclass(frozen=True, slots=True)
class Anchor:
    """At the wall time ``wall`` it was ``market`` on the market, which runs ``speed`` times as fast."""

    market: datetime
    wall: datetime
    speed: int

    @classmethod
    def of(cls, row: Record) -> Self:
        """The anchor in a row of ``market_clock``."""
        return cls(row["anchor_market"], row["anchor_wall"], row["speed"])

    def at(self, wall: datetime) -> datetime:
        """The market time at a wall time; before the anchor's own wall time the market stands still."""
        calendar, before = calendar_of(XNYS), _trading_time()
        session = calendar.index_of(self.market)
        into = max(self.market - calendar.opens[session], _NONE)
        traded = before[session] + into + self.speed * max(wall - self.wall, _NONE)
        session = bisect_right(before, traded) - 1
        if session == len(calendar.opens):
            raise OutsideCalendar(f"the market's clock has run past its last session, {calendar.dates[-1]}")
        return calendar.opens[session] + (traded - before[session])


@dataclass(slots=True)
class MarketClock:
    """Market time for one process. Never goes back: should the anchor be moved back, it waits there."""

    anchor: Anchor
    wall: Clock
    _latest: datetime | None = field(default=None, init=False, repr=False)

    def now(self) -> datetime:
        """The market time, inside a session of XNYS."""
        time = self.anchor.at(self.wall.now())
        self._latest = time if self._latest is None else max(self._latest, time)
        return self._latest

    async def heartbeat(self, connection: EngineConnection) -> None:
        """Say that the market is running, and adopt the anchor if another process has moved it."""
        row = await connection.fetchrow(
            "UPDATE market_clock SET seen_wall = greatest(seen_wall, $1) WHERE id = 1 RETURNING *",
            self.wall.now(),
        )
        if row is None:
            raise LookupError("the market clock has no row: resume() makes it")
        self.anchor = Anchor.of(row)


async def resume(
    connection: EngineConnection, wall: Clock, start: datetime = START, speed: int = DEFAULT_SPEED
) -> MarketClock:
    """The market's clock, from where it stood.

    The very first time it starts at ``start``, which counts no more later. If no process has been seen for
    ``SILENCE``, the market stood still meanwhile and goes on from the time it had reached, at ``speed``;
    otherwise another process is running it, whose anchor and speed are adopted.
    """
    now = wall.now()
    first = Anchor(start, now, speed)
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO market_clock (id, anchor_market, anchor_wall, speed, seen_wall)"
            " VALUES (1, $1, $2, $3, $2) ON CONFLICT DO NOTHING",
            *(first.at(now), now, speed),
        )
        row = await connection.fetchrow("SELECT * FROM market_clock WHERE id = 1 FOR UPDATE")
        if row is None:
            raise LookupError("the market clock's row vanished while it was being read")
        anchor = Anchor.of(row)
        if now - row["seen_wall"] > SILENCE:
            anchor = Anchor(anchor.at(row["seen_wall"]), now, speed)
        await connection.execute(
            "UPDATE market_clock SET anchor_market = $1, anchor_wall = $2, speed = $3,"
            " seen_wall = greatest(seen_wall, $4) WHERE id = 1",
            *(anchor.market, anchor.wall, anchor.speed, now),
        )
    return MarketClock(anchor, wall)
