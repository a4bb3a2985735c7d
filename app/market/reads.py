"""Batched reads of reference data. Nothing later than the moment a caller names is ever read."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.errors import Refusal
from app.kernel.paging import Page, PageOf, page_from
from app.market.calendar import FIRST_DAY
from app.market.errors import MarketRefusal
from app.market.splits import price_in_terms
from app.market.tables import bar, instrument, instrument_split
from app.market.types import Bar, BarInterval, BarSource, Instrument, InstrumentKind

SEARCH_TEXT_LIMIT: Final = 64

#: No bar is older. A lower bound rules out the default partition, and the others are read one by one.
_EARLIEST: Final = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
_INSTRUMENT: Final = [column for column in instrument.c if column.name != "search"]


@dataclass(frozen=True, slots=True, order=True)
class SearchKey:
    """A place among search results: by rank (0 exact symbol, 1 symbol prefix, 2 name), then symbol."""

    rank: int
    symbol: str

    def __str__(self) -> str:
        return f"{self.rank}.{self.symbol}"

    @classmethod
    def read(cls, text: str) -> "SearchKey":
        """The key that was printed so. Raises ``ValueError`` for any other text."""
        rank, _, symbol = text.partition(".")
        if rank not in ("0", "1", "2") or not symbol.isprintable():
            raise ValueError(f"{text[:40]!r} is not a place among search results")
        return cls(int(rank), symbol)


@dataclass(frozen=True, slots=True)
class Found:
    """A search result and its place, to go on after."""

    key: SearchKey
    instrument: Instrument


async def search(connection: AsyncConnection, text: str, asked: PageOf[SearchKey]) -> Page[Found]:
    """Instruments that match ``text``, best first.

    The exact symbol comes first, then symbols that begin with the text, then names in which each word of the
    text begins a word; each group by symbol. No text at all finds everything. Refuses a text of more than 64
    characters.
    """
    if len(text) > SEARCH_TEXT_LIMIT:
        message = f"the search text has {len(text)} characters: {SEARCH_TEXT_LIMIT} at most"
        raise Refusal(MarketRefusal.SEARCH_TEXT_TOO_LONG, message, "text")
    symbol = text.replace("\0", "").strip().upper()  # PostgreSQL knows no NUL
    prefix = instrument.c.symbol.startswith(symbol, autoescape=True)
    rank = case((instrument.c.symbol == symbol, 0), (prefix, 1), else_=2)
    key = tuple_(rank, instrument.c.symbol)
    order = [rank.desc(), instrument.c.symbol.desc()] if asked.backward else [rank, instrument.c.symbol]
    statement = select(*_INSTRUMENT, rank.label("rank")).order_by(*order).limit(asked.limit + 1)
    if symbol:
        statement = statement.where(prefix | _name_matches(text))
    if asked.after is not None:
        statement = statement.where(key > tuple_(asked.after.rank, asked.after.symbol))
    if asked.before is not None:
        statement = statement.where(key < tuple_(asked.before.rank, asked.before.symbol))
    rows = await connection.execute(statement)
    return page_from([Found(SearchKey(row.rank, row.symbol), _instrument(row)) for row in rows], asked)


def _name_matches(text: str) -> ColumnElement[bool]:
    # Only letters and digits get into the query, each word in quotes: nothing in it can be an operator
    words = re.findall(r"[^\W_]+", text)
    query = " & ".join(f"'{word}':*" for word in words)
    return instrument.c.search.bool_op("@@")(func.to_tsquery("simple", query))


async def bars(
    connection: AsyncConnection, instrument_id: int, interval: BarInterval, until: datetime, asked: PageOf[datetime]
) -> Page[Bar]:
    """Bars that ended by ``until`` (the market clock's now: the future must not leak), newest first, keyed by time.

    In the terms of that moment: a split changes all that came before it.
    """
    statement = select(bar).where(
        bar.c.instrument_id == instrument_id,
        bar.c.interval == interval.value,
        bar.c.time > (asked.before or _EARLIEST),
        bar.c.time <= until,
    )
    if asked.after is not None:
        statement = statement.where(bar.c.time < asked.after)
    statement = statement.order_by(bar.c.time.asc() if asked.backward else bar.c.time.desc())
    rows = await connection.execute(statement.limit(asked.limit + 1))
    factor = await _factor(connection, instrument_id, until)
    return page_from([_bar(row, factor) for row in rows], asked)


async def _factor(connection: AsyncConnection, instrument_id: int, at: datetime) -> Fraction:
    rows = await connection.execute(
        select(instrument_split.c.new_shares, instrument_split.c.old_shares).where(
            instrument_split.c.instrument_id == instrument_id, instrument_split.c.effective_at <= at
        )
    )
    factor = Fraction(1)
    for new, old in rows:
        factor *= Fraction(new) / Fraction(old)
    return factor


def _instrument(row: Row[*tuple[Any, ...]]) -> Instrument:
    return Instrument(
        id=row.id,
        symbol=row.symbol,
        name=row.name,
        kind=InstrumentKind(row.kind),
        exchange=row.exchange,
        whole_shares=row.whole_shares,
        tradable=row.tradable,
    )


def _bar(row: Row[*tuple[Any, ...]], factor: Fraction) -> Bar:
    def price(found: Any) -> Any:
        return found if found is None or factor == 1 else price_in_terms(found, factor)

    return Bar(
        instrument_id=row.instrument_id,
        interval=BarInterval(row.interval),
        time=row.time,
        open=price(row.open),
        high=price(row.high),
        low=price(row.low),
        close=price(row.close),
        volume=None if row.volume is None else price_in_terms(row.volume, 1 / factor),
        source=BarSource(row.source),
    )
