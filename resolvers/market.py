"""Instruments, quotes and bars."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum

from app.kernel.errors import Refusal
from app.kernel.paging import Page, PageOf
from app.market.reads import Found, SearchKey, search
from app.market.reads import bars as read_bars
from app.market.types import Bar, BarInterval, Instrument, Quote
from resolvers.context import Context

#: Live quotes are looked at this often (seconds); what did not move in between is not sent.
QUOTE_INTERVAL = 0.25
MAX_SYMBOLS = 50


class QuotesError(StrEnum):
    """Why quotes can't be followed."""

    SYMBOLS_INVALID = "SYMBOLS_INVALID"


def by_id(context: Context, instrument_id: int) -> Instrument | None:
    """The instrument with that id."""
    return context.services.market.instruments.get(instrument_id)


def by_symbol(context: Context, symbol: str) -> Instrument | None:
    """The instrument with that symbol."""
    return context.services.market.by_symbol(symbol)


def quote(context: Context, instrument: Instrument) -> Quote | None:
    """What it costs now."""
    return context.services.market.quote(instrument.id)


def is_open(context: Context, instrument: Instrument) -> bool:
    """Whether its exchange trades now."""
    return context.services.market.is_open(instrument)


async def instruments(context: Context, text: str, asked: PageOf[SearchKey]) -> Page[Found]:
    """Instruments whose symbol or name matches, best first; all of them for an empty text."""
    async with context.read() as connection:
        return await search(connection, text, asked)


async def bars(context: Context, instrument: Instrument, interval: BarInterval, asked: PageOf[datetime]) -> Page[Bar]:
    """The instrument's bars, newest first, never past the market's present."""
    now = context.services.market.clock.now()
    async with context.read() as connection:
        return await read_bars(connection, instrument.id, interval, now, asked)


async def quotes(context: Context, symbols: Sequence[str]) -> AsyncGenerator[Quote, None]:
    """The quotes of these symbols now, and each one again when it has changed: always the newest, never a backlog."""
    market = context.services.market
    wanted = [market.by_symbol(symbol) for symbol in symbols]
    known = [each for each in wanted if each is not None]
    if not 1 <= len(symbols) <= MAX_SYMBOLS or len(known) != len(symbols):
        missing = ", ".join(s[:20] for s, found in zip(symbols, wanted, strict=True) if found is None)
        raise Refusal(
            QuotesError.SYMBOLS_INVALID,
            f"Name 1 to {MAX_SYMBOLS} known symbols" + (f"; unknown: {missing[:200]}." if missing else "."),
            "symbols",
        )
    last: dict[int, tuple[int, int]] = {}
    while True:
        for instrument in known:
            current = market.quote(instrument.id)
            if current is not None and last.get(instrument.id) != (current.bid, current.ask):
                last[instrument.id] = (current.bid, current.ask)
                yield current
        await asyncio.sleep(QUOTE_INTERVAL)
