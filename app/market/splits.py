"""Since when the market quotes an instrument at other terms, because it was split.

The simulated market's prices know no splits: they are drawn as if each share had always been what it is now. A split
changes the scale on which they are shown: from its moment on all of them, earlier bars too, are in the new terms.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

import structlog

from app.infra.database import LOST, EngineConnection, EnginePool
from app.kernel.money import to_decimal
from app.market.bridge import load_quotes, tick
from app.market.quotes import QuoteSource
from app.market.types import Quote

log = structlog.get_logger(__name__)

#: How often a process looks for splits that another has announced.
LOOK: Final = timedelta(seconds=1)

_ONE: Final = Fraction(1)


@dataclass(slots=True)
class Splits:
    """Every split, by instrument: when, and the product of all until then (new shares for each old one)."""

    _times: dict[int, list[datetime]] = field(default_factory=dict)
    _factors: dict[int, list[Fraction]] = field(default_factory=dict)

    def factor(self, instrument_id: int, at: datetime) -> Fraction:
        """How many shares stand for one of the beginning at that moment of market time."""
        times = self._times.get(instrument_id)
        if times is None:
            return _ONE
        known = bisect_right(times, at)
        return self._factors[instrument_id][known - 1] if known else _ONE

    async def refresh(self, connection: EngineConnection) -> None:
        """Read them anew."""
        rows = await connection.fetch(
            "SELECT instrument_id, effective_at, new_shares, old_shares FROM instrument_split"
            " ORDER BY instrument_id, effective_at"
        )
        times: dict[int, list[datetime]] = {}
        factors: dict[int, list[Fraction]] = {}
        for id_, at, new, old in rows:
            times.setdefault(id_, []).append(at)
            made = factors.setdefault(id_, [])
            made.append((made[-1] if made else _ONE) * Fraction(new) / Fraction(old))
        self._times, self._factors = times, factors


@dataclass(frozen=True, slots=True)
class SplitQuotes:
    """A ``QuoteSource`` in the terms of the moment, over one that knows no splits."""

    source: QuoteSource
    splits: Splits

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        """The quote in force at a moment of market time."""
        found = self.source.quote(instrument_id, at)
        factor = self.splits.factor(instrument_id, at)
        return found if found is None or factor == _ONE else in_terms(found, factor)


def in_terms(quote: Quote, factor: Fraction) -> Quote:
    """The quote of shares of which ``factor`` stand for one: at the tick, bid and ask a tick or more from the last."""
    last = _at_tick(quote.last, factor)
    step = tick(last)
    bid, ask = int(quote.bid / factor), int(quote.ask / factor)
    return replace(
        quote,
        last=last,
        bid=max(min(bid // step * step, last - step), step),
        ask=max(-(-ask // step) * step, last + step),
        previous_close=_at_tick(quote.previous_close, factor),
    )


def _at_tick(price: int, factor: Fraction) -> int:
    exact = price / factor
    step = tick(int(exact))
    return max(round(exact / step) * step, 2 * step)


def price_in_terms(price: Decimal, factor: Fraction) -> Decimal:
    """A price in dollars of such shares, to 1e-8."""
    return to_decimal(round(Fraction(price) / factor * 100_000_000))


async def load_split_quotes(connection: EngineConnection, seed: int) -> SplitQuotes:
    """The simulated market's quotes in the terms of the moment; to be kept up to date by ``watch``."""
    splits = Splits()
    await splits.refresh(connection)
    return SplitQuotes(await load_quotes(connection, seed), splits)


async def announce_split(connection: EngineConnection, instrument_id: int, at: datetime, new: int, old: int) -> None:
    """From that moment of market time on, ``new`` shares (units) are quoted where ``old`` were."""
    await connection.execute(
        "INSERT INTO instrument_split VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        instrument_id,
        at,
        to_decimal(new),
        to_decimal(old),
    )


async def withdraw_split(connection: EngineConnection, instrument_id: int, at: datetime) -> None:
    """It does not happen."""
    await connection.execute(
        "DELETE FROM instrument_split WHERE instrument_id = $1 AND effective_at = $2", instrument_id, at
    )


async def announced_splits(
    connection: EngineConnection, instrument_id: int, at: datetime
) -> Sequence[tuple[Decimal, Decimal]]:
    """The terms, if the market has a split of the instrument at that moment."""
    rows = await connection.fetch(
        "SELECT new_shares, old_shares FROM instrument_split WHERE instrument_id = $1 AND effective_at = $2",
        instrument_id,
        at,
    )
    return [(row["new_shares"], row["old_shares"]) for row in rows]


async def watch(pool: EnginePool, splits: Splits) -> None:
    """Learn of splits that any process announces, until cancelled."""
    while True:
        try:
            async with pool.acquire() as connection:
                await splits.refresh(connection)
        except LOST as error:
            log.warning("splits could not be read", error=repr(error))
        await asyncio.sleep(LOOK.total_seconds())
