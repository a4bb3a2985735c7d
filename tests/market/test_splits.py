"""The market in the terms of the moment: from a split on its prices are of the new shares, earlier bars too."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.infra.database import EngineConnection, api_engine
from app.kernel.money import UNIT
from app.kernel.paging import PageOf
from app.market.bridge import FINE_TICK, tick
from app.market.load import add_instruments
from app.market.reads import bars
from app.market.splits import SplitQuotes, Splits, announce_split, announced_splits, in_terms, withdraw_split
from app.market.types import BarInterval, Quote

AT = datetime(2021, 3, 1, 21, tzinfo=UTC)
KO = 11


class Still:
    """A market in which nothing moves."""

    def quote(self, instrument_id: int, at: datetime) -> Quote:
        return Quote(instrument_id, "KO", 9_999_000_000, 10_001_000_000, 100 * UNIT, 98 * UNIT, at, simulated=True)


async def splits(engine: EngineConnection) -> Splits:
    found = Splits()
    await found.refresh(engine)
    return found


@pytest.mark.asyncio
async def test_a_split_changes_prices_from_its_moment_on(engine: EngineConnection) -> None:
    await add_instruments(engine)
    await announce_split(engine, KO, AT, 4 * UNIT, UNIT)
    await announce_split(engine, KO, AT + timedelta(days=7), UNIT, 10 * UNIT)
    await announce_split(engine, KO, AT, 5 * UNIT, UNIT)  # said again, by somebody who is wrong: the first counts
    market = SplitQuotes(Still(), await splits(engine))
    moments = [AT - timedelta(microseconds=1), AT, AT + timedelta(days=7)]
    quotes = [market.quote(KO, at) for at in moments]
    assert [(found.last, found.previous_close) for found in quotes if found] == [
        (100 * UNIT, 98 * UNIT),
        (25 * UNIT, 98 * UNIT // 4),
        (250 * UNIT, 245 * UNIT),
    ]
    assert market.quote(KO + 1, AT) == Still().quote(KO + 1, AT)
    assert await announced_splits(engine, KO, AT) == [(Decimal(4), Decimal(1))]
    await withdraw_split(engine, KO, AT)
    assert (await splits(engine)).factor(KO, AT + timedelta(days=7)) == Fraction(1, 10)


@pytest.mark.asyncio
async def test_bars_are_in_the_terms_of_the_moment_at_which_one_asks(
    engine: EngineConnection, database_url: str
) -> None:
    await add_instruments(engine)
    await engine.executemany(
        "INSERT INTO bar (instrument_id, interval, time, open, close, volume, source)"
        " VALUES ($1, '1d', $2, NULL, $3, 600, 'historical')",
        [(KO, AT - timedelta(days=1), Decimal(90)), (KO, AT + timedelta(days=1), Decimal("100.01"))],
    )
    await announce_split(engine, KO, AT, 3 * UNIT, UNIT)
    api = api_engine(database_url, 1)
    try:
        async with api.connect() as connection:

            async def closes(until: datetime) -> list[tuple[Decimal, Decimal | None]]:
                page = await bars(connection, KO, BarInterval.ONE_DAY, until, PageOf(10))
                return [(found.close, found.volume) for found in page.items]

            assert await closes(AT - timedelta(hours=1)) == [(Decimal(90), Decimal(600))]
            assert await closes(AT + timedelta(days=2)) == [
                (Decimal("33.33666667"), Decimal(1800)),
                (Decimal(30), Decimal(1800)),
            ]
    finally:
        await api.dispose()


@given(
    st.integers(10 * FINE_TICK, 10**14),
    st.integers(0, 10**4),
    st.integers(1, 1000),
    st.integers(1, 1000),
)
def test_a_quote_in_other_terms_is_well_formed(last: int, spread: int, new: int, old: int) -> None:
    step, factor = tick(last), Fraction(new, old)
    quote = Quote(
        KO, "KO", max(last - (1 + spread) * step, 1), last + (1 + spread) * step, last, last, AT, simulated=True
    )
    found = in_terms(quote, factor)
    assert 0 < found.bid < found.last < found.ask
    step = tick(found.last)
    assert [price % step for price in (found.bid, found.last, found.ask)] == [0, 0, 0]
    if last / factor > 10 * FINE_TICK:
        assert abs(found.last - last / factor) <= step
