"""What the market room hands out."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class InstrumentKind(StrEnum):
    """What sort of thing is traded. It decides the settlement cycle and whether there is a closing bell."""

    EQUITY = "equity"
    CRYPTO = "crypto"
    INDEX = "index"


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"


class TimeInForce(StrEnum):
    """How long an order stands: until the session ends, until it is canceled, or until a given moment."""

    DAY = "DAY"
    GTC = "GTC"
    GTD = "GTD"


class BarInterval(StrEnum):
    """How much time one bar covers."""

    ONE_DAY = "1d"


class BarSource(StrEnum):
    """Whether the price was once paid in a real market or made up by this program."""

    HISTORICAL = "historical"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Something with a price.

    ``id`` is also the ledger's asset id; 1 is the dollar, so instruments start at 2. ``exchange`` names the
    calendar that trading follows: ``"XNYS"`` or ``"24/7"``. ``whole_shares``: the venue deals no fractions.
    """

    id: int
    symbol: str
    name: str
    kind: InstrumentKind
    exchange: str
    whole_shares: bool
    tradable: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices in dollars over one interval; ``time`` is its end (for a daily bar, the session's close).

    Only the close is always known: what a source does not publish stays None.
    """

    instrument_id: int
    interval: BarInterval
    time: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None
    source: BarSource


@dataclass(frozen=True, slots=True)
class Quote:
    """The market at one moment of market time. Prices are units of 1e-8 dollars, ``bid < last < ask``.

    ``previous_close`` is the close of the session before the one that ``last`` belongs to.
    """

    instrument_id: int
    symbol: str
    bid: int
    ask: int
    last: int
    previous_close: int
    time: datetime
    simulated: bool
