"""The simulated market between two closes."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT
from app.market import noise
from app.market.bridge import FINE_TICK, LEVELS, BridgedQuotes, Closes, around, tick, volatility
from app.market.calendar import calendar_of
from app.market.catalogue import ALWAYS_OPEN, INSTRUMENTS, XNYS
from app.market.noise import normal, uniform
from app.market.quotes import QuoteSource
from app.market.types import Quote

BY_SYMBOL = {instrument.symbol: instrument for instrument in INSTRUMENTS}
EXCHANGE = {"AAPL": XNYS, "BTC": ALWAYS_OPEN}
FIRST = date(2021, 1, 4)  # a Monday; 30 sessions follow

#: Prices with a third decimal, as adjusted closes have, from a tenth of a cent short of nothing to a million.
prices = st.integers(2, 1_000_000_000).map(lambda thousandths: thousandths * UNIT // 1000)
series = st.lists(prices, min_size=2, max_size=30)
symbols = st.sampled_from(list(EXCHANGE))
seeds = st.integers(0, 2**31)
parts = st.floats(0, 1)


def market(symbol: str, closes: list[int], seed: int = 7) -> BridgedQuotes:
    calendar = calendar_of(EXCHANGE[symbol])
    days = [calendar.add_sessions(FIRST, number) for number in range(len(closes))]
    known = {BY_SYMBOL[symbol].id: Closes.of(zip(days, closes, strict=True))}
    return BridgedQuotes(INSTRUMENTS, known, seed)


def quote(source: QuoteSource, symbol: str, number: int, part: float) -> Quote:
    calendar = calendar_of(EXCHANGE[symbol])
    opened, closed = calendar.session_bounds(calendar.add_sessions(FIRST, number))
    found = source.quote(BY_SYMBOL[symbol].id, opened + (closed - opened) * part)
    assert found is not None
    return found


@given(symbols, series, seeds, st.data())
def test_a_session_goes_from_close_to_close(symbol: str, closes: list[int], seed: int, data: st.DataObject) -> None:
    source = market(symbol, closes, seed)
    number = data.draw(st.integers(1, len(closes) - 1))
    at_open, at_close = quote(source, symbol, number, 0), quote(source, symbol, number, 1)
    assert at_open.last == closes[number - 1] == at_open.previous_close
    assert at_close.last == closes[number]


@given(symbols, series, seeds, parts, st.data())
def test_a_quote_is_well_formed(symbol: str, closes: list[int], seed: int, part: float, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(closes) - 1))
    found = quote(market(symbol, closes, seed), symbol, number, part)
    step = tick(found.last)
    assert 0 < found.bid <= found.last - step
    assert found.last + step <= found.ask
    assert found.bid % step == found.ask % step == 0
    assert found.ask - found.bid <= max(found.last * 3 // 10_000, 2 * step) + 2 * step
    assert found.last in (closes[number - 1], closes[number]) or found.last % step == 0
    assert found.simulated
    assert found.symbol == symbol


@given(symbols, series, seeds, parts, st.data())
def test_every_process_quotes_the_same(
    symbol: str, closes: list[int], seed: int, part: float, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, len(closes) - 1))
    one, other = market(symbol, closes, seed), market(symbol, closes, seed)
    for earlier in range(1, number):  # what was asked before must not matter
        quote(other, symbol, earlier, 0.5)
    assert quote(one, symbol, number, part) == quote(other, symbol, number, part)


@given(series, st.lists(prices, max_size=5), parts, st.data())
def test_later_closes_do_not_shine_through(
    closes: list[int], later: list[int], part: float, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, len(closes) - 1))
    assert quote(market("AAPL", closes), "AAPL", number, part) == quote(
        market("AAPL", closes[: number + 1] + later), "AAPL", number, part
    )


def test_no_two_sessions_and_no_two_instruments_walk_alike() -> None:
    closes = {BY_SYMBOL[symbol].id: [100 * UNIT] * 3 for symbol in ("AAPL", "MSFT")}
    days = calendar_of(XNYS).dates[-3:]
    known = {number: Closes.of(zip(days, series, strict=True)) for number, series in closes.items()}
    quotes = BridgedQuotes(INSTRUMENTS, known, seed=7)
    walks = []
    for number in known:
        for day in days[1:]:
            opened, _ = calendar_of(XNYS).session_bounds(day)
            path = [quotes.quote(number, opened + timedelta(minutes=minute)) for minute in range(0, 390, 10)]
            walks.append(tuple(one.last for one in path if one))
    assert len(set(walks)) == 4


def test_it_moves_within_the_session_and_differs_by_seed() -> None:
    closes = [100 * UNIT, 101 * UNIT, 100 * UNIT]
    paths = [
        [quote(market("AAPL", closes, seed), "AAPL", 2, part / 100).last for part in range(101)] for seed in (1, 2)
    ]
    assert all(len(set(path)) > 30 for path in paths)
    assert paths[0] != paths[1]
    assert all(abs(after - before) < 2 * UNIT for path in paths for before, after in pairwise(path))


def test_the_path_is_as_volatile_as_the_days_before() -> None:
    quiet = [100 * UNIT, 102 * UNIT] * 15  # 2 % a day; then a jump, of which nothing may be known before
    closes, drift = [*quiet, 150 * UNIT], math.log(150 / 102) / 64
    sums = []
    for seed in range(40):
        source = market("AAPL", closes, seed)
        path = [quote(source, "AAPL", 30, part / 64).last for part in range(65)]
        sums.append(sum((math.log(after / before) - drift) ** 2 for before, after in pairwise(path)))
    assert volatility(quiet) == pytest.approx(math.log(1.02))
    assert math.sqrt(sum(sums) / len(sums)) == pytest.approx(volatility(quiet), rel=0.1)


def test_neighbouring_moments_are_neighbouring_prices() -> None:
    source = market("AAPL", [100 * UNIT, 102 * UNIT] * 15)
    steps = 2**LEVELS
    path = [quote(source, "AAPL", 29, part / steps).last for part in range(steps // 2 - 50, steps // 2 + 50)]
    assert max(abs(after - before) for before, after in pairwise(path)) < UNIT // 4


def test_between_sessions_the_last_close_stands() -> None:
    source, closes = BY_SYMBOL["AAPL"].id, [100 * UNIT, 101 * UNIT, 103 * UNIT]
    quotes = market("AAPL", closes)
    for at in (datetime(2021, 1, 5, 21, tzinfo=UTC), datetime(2021, 1, 6, 14, 29, 59, tzinfo=UTC)):
        found = quotes.quote(source, at)
        assert found is not None
        assert (found.previous_close, found.last, found.time) == (closes[0], closes[1], at)


def test_after_the_history_nothing_moves() -> None:
    quotes, closes = market("AAPL", [100 * UNIT, 101 * UNIT]), BY_SYMBOL["AAPL"].id
    over_night = quotes.quote(closes, datetime(2021, 1, 6, 14, 29, tzinfo=UTC))
    next_day = quotes.quote(closes, datetime(2021, 1, 6, 16, 0, tzinfo=UTC))
    years_later = quotes.quote(closes, datetime(2030, 7, 13, tzinfo=UTC))
    assert over_night is not None
    assert next_day is not None
    assert years_later is not None
    assert [over_night.last, next_day.last, years_later.last] == [101 * UNIT] * 3
    assert [over_night.previous_close, next_day.previous_close] == [100 * UNIT, 101 * UNIT]


def test_without_two_closes_there_is_no_quote() -> None:
    quotes = market("AAPL", [100 * UNIT, 101 * UNIT])
    noon = timedelta(hours=17)
    second_day = datetime(2021, 1, 5, tzinfo=UTC) + noon
    assert quotes.quote(BY_SYMBOL["AAPL"].id, second_day) is not None
    assert quotes.quote(BY_SYMBOL["AAPL"].id, second_day - timedelta(days=1)) is None
    assert quotes.quote(BY_SYMBOL["MSFT"].id, second_day) is None
    assert quotes.quote(999, second_day) is None


@pytest.mark.parametrize(
    ("closes", "complaint"),
    [
        ([(FIRST, 0)], "no room"),
        ([(FIRST, 2 * FINE_TICK - 1)], "no room"),
        ([(FIRST, UNIT), (FIRST, UNIT)], "not later"),
        ([(FIRST, UNIT), (FIRST - timedelta(days=1), UNIT)], "not later"),
    ],
)
def test_bad_closes_are_refused(closes: list[tuple[date, int]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Closes.of(closes)


def test_prices_below_a_dollar_move_in_hundredths_of_a_cent() -> None:
    assert (tick(UNIT), tick(UNIT - 1)) == (CENT, FINE_TICK)
    assert around(2 * FINE_TICK, 0.0003) == (FINE_TICK, 3 * FINE_TICK)
    cheap = [2 * FINE_TICK, 3 * FINE_TICK] * 10 + [2 * FINE_TICK] * 2
    paths = [quote(market("AAPL", cheap, seed), "AAPL", 21, part / 64) for seed in range(30) for part in range(65)]
    assert {one.last for one in paths} == {2 * FINE_TICK, 3 * FINE_TICK}
    assert {one.bid for one in paths} == {FINE_TICK, 2 * FINE_TICK}


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=5))
def test_noise_depends_on_its_key_alone(key: list[int | str]) -> None:
    assume(len(key) > 0)
    assert 0 < uniform(*key) < 1
    assert math.isfinite(normal(*key))
    assert normal(*key) == normal.__wrapped__(*key)


@pytest.mark.parametrize(("byte", "sign"), [(b"\x00", -1), (b"\xff", 1)])
def test_noise_has_no_infinite_draw(byte: bytes, sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "blake2b", lambda *_, **__: SimpleNamespace(digest=lambda: byte * 8))
    assert 8 < sign * normal.__wrapped__("key") < 9


def test_noise_is_standard_normal() -> None:
    draws = [normal("test", number) for number in range(20_000)]
    mean = sum(draws) / len(draws)
    assert abs(mean) < 0.03
    assert abs(sum((draw - mean) ** 2 for draw in draws) / len(draws) - 1) < 0.05
    assert len(set(draws)) == len(draws)
