"""A simulated market between real closes: from one session's close to the next by a Brownian bridge.

It is built by midpoint displacement from numbers that depend on (seed, instrument, session) alone, so every
process quotes the same price at the same moment, and a session ends exactly at its close. Floats only shape
the walk; a price leaves as whole units at the tick.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, Self

from app.infra.database import EngineConnection
from app.kernel.money import CENT, UNIT
from app.market.calendar import calendar_of
from app.market.noise import normal, uniform
from app.market.types import BarInterval, Instrument, InstrumentKind, Quote

#: Halvings of a session: 4096 steps, 5.7 s of an XNYS session; straight lines between them.
LEVELS: Final = 12
#: A walk is as volatile as so many daily returns before it were, within bounds that no bad price can break.
TRAILING: Final = 20
_VOLATILITY: Final = (0.001, 0.25)
#: Below a dollar prices move in steps of $0.0001 (SEC Rule 612 of Regulation NMS), else of a cent.
FINE_TICK: Final = CENT // 100
#: Bid and ask lie this far apart, as a part of the price: drawn for each session between the two.
SPREAD: Final = (0.0001, 0.0003)


class Closes(NamedTuple):
    """An instrument's closes, oldest first: the sessions' dates as ordinals, the prices in units."""

    days: Sequence[int]
    prices: Sequence[int]

    @classmethod
    def of(cls, closes: Iterable[tuple[date, int]]) -> Self:
        """From (session, price in units) pairs, oldest first. ``ValueError`` if one can't be quoted."""
        days, prices = array("l"), array("q")
        for day, price in closes:
            if price < 2 * FINE_TICK:
                raise ValueError(f"a close of {price} units on {day} leaves no room for a bid below it")
            if days and day.toordinal() <= days[-1]:
                raise ValueError(f"the close of {day} is not later than the one before it")
            days.append(day.toordinal())
            prices.append(price)
        return cls(days, prices)


@dataclass(frozen=True, slots=True)
class Session:
    """What shapes one session's walk: both ends in units, the log price's volatility, the spread's ratio."""

    start: int
    end: int
    volatility: float
    spread: float


class BridgedQuotes:
    """A ``QuoteSource`` made of daily closes.

    Outside a session the last close stands, and so it does in sessions without a known close: after the
    history's end nothing moves. Quotes begin with the second close, as the first has nothing to start from.
    """

    def __init__(self, instruments: Iterable[Instrument], closes: Mapping[int, Closes], seed: int) -> None:
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._closes = closes
        self._seed = seed
        self._session = lru_cache(maxsize=1024)(self._shape)

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        """The quote at a moment of market time; None for an unknown instrument or before its second close."""
        instrument = self._instruments.get(instrument_id)
        if instrument is None:
            return None
        calendar = calendar_of(instrument.exchange)
        number = calendar.begun(at)
        day, opened = calendar.dates[number].toordinal(), calendar.opens[number]
        session = self._session(instrument_id, day)
        if session is None:
            return None
        passed = (at - opened) / (calendar.closes[number] - opened)
        last = self._last(session, instrument_id, day, passed)
        bid, ask = around(last, session.spread)
        return Quote(instrument_id, instrument.symbol, bid, ask, last, session.start, at, simulated=True)

    def _last(self, session: Session, instrument_id: int, day: int, passed: float) -> int:
        if passed <= 0:
            return session.start
        if passed >= 1 or session.volatility == 0:
            return session.end
        left, right = math.log(session.start), math.log(session.end)
        deviation = session.volatility / 2  # of the midpoint, given both ends
        node = 1  # numbered like a heap: the halves of n are 2n and 2n + 1
        for _ in range(LEVELS):
            middle = (left + right) / 2 + deviation * normal(self._seed, instrument_id, day, node)
            passed *= 2
            if passed < 1:
                right, node = middle, 2 * node
            else:
                left, node, passed = middle, 2 * node + 1, passed - 1
            deviation *= math.sqrt(0.5)
        price = math.exp(left + (right - left) * passed)
        step = tick(int(price))
        return max(round(price / step) * step, 2 * FINE_TICK)

    def _shape(self, instrument_id: int, day: int) -> Session | None:
        days, prices = self._closes.get(instrument_id, _NO_CLOSES)
        index = bisect_right(days, day) - 1
        if index < 1:
            return None
        low, high = SPREAD
        spread = low + (high - low) * uniform(self._seed, instrument_id, day)
        if days[index] != day:
            return Session(prices[index], prices[index], 0.0, spread)
        trailing = prices[max(0, index - 1 - TRAILING) : index]
        return Session(prices[index - 1], prices[index], volatility(trailing), spread)


_NO_CLOSES: Final = Closes((), ())


def volatility(prices: Sequence[int]) -> float:
    """Root mean square of the daily log returns, within bounds."""
    lowest, highest = _VOLATILITY
    squares = [math.log(after / before) ** 2 for before, after in pairwise(prices)]
    return min(max(math.sqrt(sum(squares) / max(len(squares), 1)), lowest), highest)


def tick(price: int) -> int:
    """The step that a price of so many units moves in, in units."""
    return CENT if price >= UNIT else FINE_TICK


def around(last: int, spread: float) -> tuple[int, int]:
    """Bid and ask in units: at the tick, ``spread`` of the price apart, each a tick or more from ``last``."""
    step = tick(last)
    half = max(round(last * spread / 2), step)
    return (last - half) // step * step, -((-last - half) // step) * step


async def load_quotes(connection: EngineConnection, seed: int) -> BridgedQuotes:
    """Quotes over every instrument and daily close in the database."""
    instruments = [
        Instrument(**dict(row) | {"kind": InstrumentKind(row["kind"])})
        for row in await connection.fetch(
            "SELECT id, symbol, name, kind, exchange, whole_shares, tradable FROM instrument"
        )
    ]
    rows = await connection.fetch(
        "SELECT instrument_id, array_agg(time ORDER BY time) AS times,"
        " array_agg((close * $1)::bigint ORDER BY time) AS prices"
        " FROM bar WHERE interval = $2 GROUP BY instrument_id",
        *(UNIT, BarInterval.ONE_DAY.value),
    )
    exchanges = {instrument.id: instrument.exchange for instrument in instruments}
    closes = {}
    for row in rows:
        session_of = calendar_of(exchanges[row["instrument_id"]]).session_of
        # A bar's time is its session's close, and a close already belongs to the session after it
        sessions = (session_of(time - timedelta(microseconds=1)) for time in row["times"])
        closes[row["instrument_id"]] = Closes.of(zip(sessions, row["prices"], strict=True))
    return BridgedQuotes(instruments, closes, seed)
