"""The market as the rest of the house sees it: what is traded, what it costs, and what time it is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.kernel.clock import Clock
from app.market.calendar import calendar_of
from app.market.quotes import QuoteSource
from app.market.settlement import settlement_date
from app.market.types import Instrument, Quote

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Market:
    """Instruments by id, their prices, and the market's clock."""

    instruments: Mapping[int, Instrument]
    quotes: QuoteSource
    clock: Clock

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument of that symbol, letters in any case."""
        wanted = symbol.upper()
        return next((each for each in self.instruments.values() if each.symbol == wanted), None)

    def quote(self, instrument_id: int) -> Quote | None:
        """The quote now."""
        return self.quotes.quote(instrument_id, self.clock.now())

    def is_open(self, instrument: Instrument) -> bool:
        """Whether the instrument's exchange trades now."""
        return calendar_of(instrument.exchange).is_open(self.clock.now())

    def today(self) -> date:
        """The day by which settlement counts: the market clock's day in New York, where the books close."""
        return self.clock.now().astimezone(NEW_YORK).date()

    def trade_dates(self, instrument: Instrument, at: datetime | None = None) -> tuple[date, date]:
        """The clearing business date of a trade now (or at that market time), and the day on which it settles."""
        calendar = calendar_of(instrument.exchange)
        trade_date = calendar.session_of(self.clock.now() if at is None else at)
        return trade_date, settlement_date(trade_date, instrument.kind, calendar)
