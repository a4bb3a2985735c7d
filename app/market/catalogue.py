"""The instruments that the embedded market knows.

The ids are written into ledgers: never reuse or renumber one, only add.
"""

from collections.abc import Iterator
from typing import Final

from app.market.types import Instrument, InstrumentKind

XNYS: Final = "XNYS"
ALWAYS_OPEN: Final = "24/7"

#: S&P 500 members whose daily closes since 1990 come with the installed price history.
_EQUITIES: Final = {
    "AAPL": "Apple Inc.",
    "AMD": "Advanced Micro Devices, Inc.",
    "BAC": "Bank of America Corporation",
    "BBY": "Best Buy Co., Inc.",
    "CVX": "Chevron Corporation",
    "GE": "General Electric Company",
    "HD": "The Home Depot, Inc.",
    "JNJ": "Johnson & Johnson",
    "JPM": "JPMorgan Chase & Co.",
    "KO": "The Coca-Cola Company",
    "LLY": "Eli Lilly and Company",
    "MRK": "Merck & Co., Inc.",
    "MSFT": "Microsoft Corporation",
    "PEP": "PepsiCo, Inc.",
    "PFE": "Pfizer Inc.",
    "PG": "The Procter & Gamble Company",
    "RRC": "Range Resources Corporation",
    "UNH": "UnitedHealth Group Incorporated",
    "WMT": "Walmart Inc.",
    "XOM": "Exxon Mobil Corporation",
}
_INDICES: Final = {"SPX": "S&P 500"}
_CRYPTO: Final = {"BTC": "Bitcoin", "ETH": "Ether", "SOL": "Solana"}


def _instruments() -> Iterator[Instrument]:
    listed = [
        *((symbol, name, InstrumentKind.EQUITY, XNYS) for symbol, name in _EQUITIES.items()),
        *((symbol, name, InstrumentKind.INDEX, XNYS) for symbol, name in _INDICES.items()),
        *((symbol, name, InstrumentKind.CRYPTO, ALWAYS_OPEN) for symbol, name in _CRYPTO.items()),
    ]
    for number, (symbol, name, kind, exchange) in enumerate(listed, start=2):
        yield Instrument(
            id=number,
            symbol=symbol,
            name=name,
            kind=kind,
            exchange=exchange,
            whole_shares=kind is InstrumentKind.EQUITY,
            tradable=kind is not InstrumentKind.INDEX,
        )


INSTRUMENTS: Final = tuple(_instruments())
