"""Why the books were left as they were."""

from enum import StrEnum


class JournalError(StrEnum):
    """Why a journal was not proposed, or not decided."""

    LINES_INVALID = "LINES_INVALID"
    KIND_NOT_ALLOWED = "KIND_NOT_ALLOWED"
    KIND_MISMATCH = "KIND_MISMATCH"
    ACCOUNT_REQUIRED = "ACCOUNT_REQUIRED"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ASSET_INVALID = "ASSET_INVALID"
    AMOUNT_INVALID = "AMOUNT_INVALID"
    REASON_INVALID = "REASON_INVALID"
    EFFECTIVE_AT_INVALID = "EFFECTIVE_AT_INVALID"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    ALREADY_REVERSED = "ALREADY_REVERSED"
    NOT_OPEN = "NOT_OPEN"
    FOUR_EYES = "FOUR_EYES"
    NOT_YOURS = "NOT_YOURS"
    INSUFFICIENT = "INSUFFICIENT"
    MORE_THAN_OWED = "MORE_THAN_OWED"


class ReconcileError(StrEnum):
    """Why nothing was reconciled."""

    FILE_INVALID = "FILE_INVALID"
    CUSTODIAN_UNAVAILABLE = "CUSTODIAN_UNAVAILABLE"


class LedgerRangeError(StrEnum):
    """Why a part of the books can't be shown."""

    POSITION_INVALID = "POSITION_INVALID"
    DATES_INVALID = "DATES_INVALID"
    ARCHIVED = "ARCHIVED"
