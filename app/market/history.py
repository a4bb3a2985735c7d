"""Daily closes of the catalogue: real ones from an installed package, simulated ones for crypto.

The real ones lie in the distribution of skfolio (``sp500_dataset`` and ``sp500_index``): closes adjusted for
splits and dividends, 1990-01-02 to 2022-12-28. Only those files are read; the package is never imported.
"""

import csv
import gzip
import math
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, distribution
from io import TextIOWrapper
from typing import BinaryIO, Final, NamedTuple, cast

from app.kernel.money import round_price
from app.market.errors import MissingPriceHistory
from app.market.noise import normal

_PACKAGE: Final = "skfolio"
_DATASETS: Final = ("sp500_dataset", "sp500_index")
#: The index has a column name of its own there.
_COLUMNS: Final = {"SP500": "SPX"}


class Close(NamedTuple):
    """What one session of one instrument closed at, in dollars."""

    symbol: str
    session: date
    price: Decimal


class Walk(NamedTuple):
    """A simulated price's home, in dollars, and the standard deviation of its daily log returns."""

    home: float
    volatility: float


#: Nothing here is a real price: the sizes only look familiar.
WALKS: Final = {"BTC": Walk(30_000, 0.035), "ETH": Walk(2_000, 0.045), "SOL": Walk(60, 0.055)}
_WALK_SEED: Final = "crypto-1"
_WALK_FIRST: Final = date(2020, 1, 1)
#: The last day whose close (the next midnight) still lies inside the calendar.
_WALK_LAST: Final = date(2035, 12, 30)
#: A walk is pulled home by this part of its (log) distance a day, so that none ends at zero or at the moon.
_WALK_PULL: Final = 0.002


def historical_closes() -> Iterator[Close]:
    """Every real close, session by session. Raises ``MissingPriceHistory`` if the package isn't installed."""
    for dataset in _DATASETS:
        with _open(dataset) as file:
            rows = csv.reader(file)
            symbols = [_COLUMNS.get(column, column) for column in next(rows)[1:]]
            for day, *prices in rows:
                session = date.fromisoformat(day)
                for symbol, price in zip(symbols, prices, strict=True):
                    yield Close(symbol, session, Decimal(price))


def simulated_closes() -> Iterator[Close]:
    """The made-up closes of crypto, for every UTC day: a seeded geometric walk, the same on every run."""
    days = (_WALK_LAST - _WALK_FIRST).days + 1
    for symbol, walk in WALKS.items():
        offset = 0.0  # log distance from home
        for number in range(days):
            offset += walk.volatility * normal(_WALK_SEED, symbol, number) - _WALK_PULL * offset
            price = round_price(Decimal(walk.home * math.exp(offset)))
            yield Close(symbol, _WALK_FIRST + timedelta(days=number), price)


def _open(dataset: str) -> TextIOWrapper:
    try:
        path = distribution(_PACKAGE).locate_file(f"{_PACKAGE}/datasets/data/{dataset}.csv.gz")
        return TextIOWrapper(cast(BinaryIO, gzip.open(str(path))), encoding="ascii", newline="")
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise MissingPriceHistory(
            f"the price history {dataset!r} of the package {_PACKAGE!r} is not installed: run `make setup`"
        ) from error
