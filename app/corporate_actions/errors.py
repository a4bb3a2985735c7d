"""Why corporate actions are declined."""

from enum import StrEnum


class AnnounceError(StrEnum):
    """Why an action was not announced."""

    INSTRUMENT_UNKNOWN = "INSTRUMENT_UNKNOWN"
    INSTRUMENT_UNSUITABLE = "INSTRUMENT_UNSUITABLE"
    TERMS_INVALID = "TERMS_INVALID"
    DATES_INVALID = "DATES_INVALID"
    REASON_INVALID = "REASON_INVALID"
    ALREADY_ANNOUNCED = "ALREADY_ANNOUNCED"
    MARKET_SHARED = "MARKET_SHARED"


class CancelActionError(StrEnum):
    """Why an action was not canceled."""

    ALREADY_BEGUN = "ALREADY_BEGUN"
    ALREADY_CANCELED = "ALREADY_CANCELED"
    MARKET_SHARED = "MARKET_SHARED"
    REASON_INVALID = "REASON_INVALID"
