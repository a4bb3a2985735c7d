"""The price history, and loading it."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from app.infra.database import EngineConnection
from app.kernel.money import to_units
from app.market import history
from app.market.bridge import load_quotes
from app.market.calendar import calendar_of
from app.market.catalogue import INSTRUMENTS, XNYS
from app.market.errors import MissingPriceHistory
from app.market.history import historical_closes, simulated_closes
from app.market.load import Loaded, load
from app.market.types import InstrumentKind

IDS = {instrument.symbol: instrument.id for instrument in INSTRUMENTS}


def test_the_history_is_complete_and_exact() -> None:
    closes = {(close.symbol, close.session): close.price for close in historical_closes()}
    assert closes["AAPL", date(1990, 1, 2)] == Decimal("0.264")
    assert closes["XOM", date(2022, 12, 28)] == Decimal("106.627")
    assert closes["SPX", date(2022, 12, 28)] == Decimal("3783.22")
    listed = {one.symbol for one in INSTRUMENTS if one.kind is not InstrumentKind.CRYPTO}
    xnys = calendar_of(XNYS)
    sessions = [day for day in xnys.dates if day <= date(2022, 12, 28)]
    assert closes.keys() == {(symbol, day) for symbol in listed for day in sessions}


def test_crypto_has_a_plausible_close_for_every_day() -> None:
    closes = list(simulated_closes())
    crypto = {one.symbol for one in INSTRUMENTS if one.kind is InstrumentKind.CRYPTO}
    assert set(Counter(close.symbol for close in closes).values()) == {5843}
    assert {close.symbol for close in closes} == crypto
    assert (min(close.session for close in closes), max(close.session for close in closes)) == (
        date(2020, 1, 1),
        date(2035, 12, 30),
    )
    assert all(close.price > 1 and close.price.as_tuple().exponent == -2 for close in closes)
    assert closes == list(simulated_closes())
    ups = {
        symbol: tuple(after > before for before, after in pairwise(one.price for one in closes if one.symbol == symbol))
        for symbol in crypto
    }
    assert len(set(ups.values())) == len(crypto)


def test_without_the_package_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PACKAGE", "no-such-package")
    with pytest.raises(MissingPriceHistory, match="make setup"):
        next(historical_closes())


def test_ids_are_final() -> None:
    assert [IDS[symbol] for symbol in ("AAPL", "XOM", "SPX", "BTC", "ETH", "SOL")] == [2, 21, 22, 23, 24, 25]


@pytest.mark.asyncio
async def test_loading_fills_an_empty_database_once(engine: EngineConnection) -> None:
    assert await load(engine) == Loaded(instruments=24, bars=192_102)
    assert await load(engine) == Loaded(instruments=0, bars=0)
    assets = {(row["id"], row["code"]) for row in await engine.fetch("SELECT * FROM ledger.asset WHERE id > 1")}
    assert assets == {(number, symbol) for symbol, number in IDS.items()}
    sources = await engine.fetch("SELECT kind, source FROM bar JOIN instrument ON id = instrument_id GROUP BY 1, 2")
    assert {tuple(row) for row in sources} == {
        ("equity", "historical"),
        ("index", "historical"),
        ("crypto", "simulated"),
    }
    assert await engine.fetchval("SELECT count(*) FROM bar WHERE tableoid = 'bar_default'::regclass") == 0

    quotes = await load_quotes(engine, seed=7)
    close = datetime(2022, 12, 28, 21, tzinfo=UTC)
    found = quotes.quote(IDS["XOM"], close)
    assert found is not None
    assert found.last == to_units(Decimal("106.627"))
    before = quotes.quote(IDS["XOM"], close - timedelta(hours=3))
    assert before is not None
    assert before.last != found.last
    crypto = {close.session: close.price for close in simulated_closes() if close.symbol == "BTC"}
    midnight = quotes.quote(IDS["BTC"], datetime(2021, 1, 5, tzinfo=UTC))
    assert midnight is not None
    assert midnight.last == to_units(crypto[date(2021, 1, 4)])


@pytest.mark.asyncio
async def test_a_load_without_history_writes_nothing(engine: EngineConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PACKAGE", "no-such-package")
    with pytest.raises(MissingPriceHistory):
        await load(engine)
    assert await engine.fetchval("SELECT count(*) FROM instrument") == 0
    assert await engine.fetchval("SELECT count(*) FROM ledger.asset") == 1
