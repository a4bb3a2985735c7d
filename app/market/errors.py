"""What the market room declines, and what it cannot know."""

from enum import StrEnum


class MarketRefusal(StrEnum):
    """Codes of the refusals a caller can act on."""

    SEARCH_TEXT_TOO_LONG = "SEARCH_TEXT_TOO_LONG"


class OutsideCalendar(ValueError):
    """A date or moment that the exchange calendar does not reach."""


class MissingPriceHistory(RuntimeError):
    """The package that carries the price history is not installed."""
