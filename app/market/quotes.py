"""The port through which prices come in: the simulated market behind it can be swapped for a real feed."""

from datetime import datetime
from typing import Protocol

from app.market.types import Quote


class QuoteSource(Protocol):
    """Knows what an instrument costs."""

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        """The quote in force at a moment of market time; None if the instrument has no price by then."""
        ...
