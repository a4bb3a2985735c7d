"""Finding instruments and reading bars, through the API's own role."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import ENGINE_ROLE, api_engine
from app.kernel.errors import Refusal
from app.kernel.paging import Page, PageOf
from app.market.errors import MarketRefusal
from app.market.reads import SearchKey, bars, search
from app.market.tables import bar, instrument, market_clock
from app.market.types import Bar, BarInterval, BarSource

pytestmark = pytest.mark.asyncio

NAMES = {
    "A": "Agilent Technologies, Inc.",
    "AA": "Alcoa Corporation",
    "AAPL": "Apple Inc.",
    "AMZN": "Amazon.com, Inc.",
    "BRK.B": "Berkshire Hathaway Inc.",
    "KO": "The Coca-Cola Company",
    "SPX": "S&P 500",
    "T": "AT&T Inc.",
    "TOL": "Toll Brothers, Inc. (100% O'Brien | co)",
}
IDS = {symbol: number for number, symbol in enumerate(NAMES, start=2)}
FIRST_CLOSE = datetime(2021, 12, 28, 21, tzinfo=UTC)
CLOSES = [FIRST_CLOSE + timedelta(days=number) for number in range(8)]  # over a year's end: two partitions

#: Which symbols a text finds, best first.
MATCHES: dict[str, list[str]] = {
    "aa": ["AA", "AAPL"],
    "a": ["A", "AA", "AAPL", "AMZN", "T"],
    "appl": ["AAPL"],
    "coca cola": ["KO"],
    "cola-coca": ["KO"],
    "amazon.com": ["AMZN"],
    "brk.b": ["BRK.B"],
    "hath berk": ["BRK.B"],
    "S&P": ["SPX"],
    "at&t": ["T"],
    "o'brien": ["TOL"],
    "  ko ": ["KO"],
    "pple": [],
    "100%": ["TOL"],
    "%": [],
    "_": [],
    "A_P": [],
    "%L": [],
}
#: None of them finds "KO", unless something in it is taken for an operator.
TRICKS = [
    "a & b",
    "!a",
    "a:*",
    "(a",
    "a | b",
    "'",
    "a' | 'b",
    "\\",
    "a\\'",
    "<->",
    "a <2> b",
    "a\0b",
    "💶",
    "\u017f",  # an s by another name: upper() makes it one
    "é",
    "%s",
    ":x",
    "²",
]


@pytest_asyncio.fixture
async def api(database_url: str) -> AsyncIterator[AsyncConnection]:
    writer = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    await writer.executemany(
        "INSERT INTO instrument (id, symbol, name, kind, exchange, whole_shares, tradable)"
        " VALUES ($1, $2, $3, 'equity', 'XNYS', true, true)",
        [(IDS[symbol], symbol, name) for symbol, name in NAMES.items()],
    )
    await writer.executemany(
        "INSERT INTO bar (instrument_id, interval, time, close, source) VALUES ($1, '1d', $2, $3, 'historical')",
        [(number, time, Decimal(number) + 1) for number in (2, 3) for time in CLOSES],
    )
    await writer.close()
    engine = api_engine(database_url, 1)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def found(api: AsyncConnection, text: str, limit: int = 100) -> list[str]:
    return [one.instrument.symbol for one in (await search(api, text, PageOf(limit))).items]


async def test_search(api: AsyncConnection) -> None:
    assert {text: await found(api, text) for text in MATCHES} == MATCHES


async def test_no_text_finds_everything(api: AsyncConnection) -> None:
    for nothing in ("", "  ", "\0"):
        assert await found(api, nothing) == sorted(NAMES)


async def test_pages_follow_each_other(api: AsyncConnection) -> None:
    for text in ("", "a", "inc", "t"):
        whole = (await search(api, text, PageOf(100))).items
        forward, backward = await search(api, text, PageOf(2)), await search(api, text, PageOf(2, backward=True))
        pages, reversed_pages = [*forward.items], [*backward.items]
        while forward.has_next:
            forward = await search(api, text, PageOf(2, after=pages[-1].key))
            pages += forward.items
        while backward.has_previous:
            backward = await search(api, text, PageOf(2, backward=True, before=reversed_pages[0].key))
            reversed_pages = [*backward.items, *reversed_pages]
        assert pages == whole == reversed_pages
        assert [one.key for one in whole] == sorted({one.key for one in whole})
        assert [SearchKey.read(str(one.key)) for one in whole] == [one.key for one in whole]


async def test_a_place_outlives_its_instrument(api: AsyncConnection) -> None:
    rest = await search(api, "a", PageOf(100, after=SearchKey(1, "AAA")))
    assert [one.instrument.symbol for one in rest.items] == ["AAPL", "AMZN", "T"]


async def test_no_text_is_an_error_or_a_query_of_its_own(api: AsyncConnection) -> None:
    for text in TRICKS:
        assert "KO" not in await found(api, text), text


async def test_any_text_can_be_searched_for(api: AsyncConnection) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
    def check(text: str) -> None:
        asyncio.run_coroutine_threadsafe(found(api, text), loop).result(10)

    await asyncio.to_thread(check)


async def test_a_long_text_is_refused(api: AsyncConnection) -> None:
    assert await found(api, "a" * 64) == []
    with pytest.raises(Refusal) as refused:
        await search(api, "a" * 65, PageOf(10))
    assert refused.value.code is MarketRefusal.SEARCH_TEXT_TOO_LONG
    assert refused.value.path == ("text",)


async def test_bars_stop_at_the_present(api: AsyncConnection) -> None:
    async def times(until: datetime) -> list[datetime]:
        return [one.time for one in (await bars(api, 2, BarInterval.ONE_DAY, until, PageOf(100))).items]

    assert await times(CLOSES[4] - timedelta(microseconds=1)) == CLOSES[3::-1]
    assert await times(CLOSES[4]) == CLOSES[4::-1]
    assert await times(FIRST_CLOSE - timedelta(days=1)) == []
    later = await bars(api, 2, BarInterval.ONE_DAY, CLOSES[4], PageOf(100, after=CLOSES[7], before=CLOSES[4]))
    assert later.items == []


async def test_bars_page_both_ways(api: AsyncConnection) -> None:
    async def page(asked: PageOf[datetime]) -> Page[Bar]:
        return await bars(api, 2, BarInterval.ONE_DAY, CLOSES[6], asked)

    newest = (await page(PageOf(3))).items
    assert [one.time for one in newest] == [CLOSES[6], CLOSES[5], CLOSES[4]]
    older = await page(PageOf(100, after=newest[-1].time))
    assert [one.time for one in older.items] == CLOSES[3::-1]
    assert (older.has_next, older.has_previous) == (False, True)
    oldest = await page(PageOf(2, backward=True))
    assert [one.time for one in oldest.items] == [CLOSES[1], CLOSES[0]]
    assert (oldest.has_next, oldest.has_previous) == (False, True)
    assert newest[0] == Bar(
        instrument_id=2,
        interval=BarInterval.ONE_DAY,
        time=CLOSES[6],
        open=None,
        high=None,
        low=None,
        close=Decimal(3),
        volume=None,
        source=BarSource.HISTORICAL,
    )


async def test_the_api_may_only_read(api: AsyncConnection) -> None:
    for table in (instrument, bar, market_clock):
        await api.execute(table.select())
        with pytest.raises(DBAPIError, match="permission denied"):
            await api.execute(table.delete())
        await api.rollback()
