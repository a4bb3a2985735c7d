"""Why a case was left as it was."""

from enum import StrEnum


class CaseError(StrEnum):
    """Why nothing was done with a case."""

    ALREADY_CLOSED = "ALREADY_CLOSED"
    NOTE_INVALID = "NOTE_INVALID"
