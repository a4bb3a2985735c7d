"""An operator's case and the entries of its history."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class CaseKind(StrEnum):
    """What has to be decided. An open list: a room that brings cases adds its own."""

    VENUE_ORDER_UNCLEAR = "VENUE_ORDER_UNCLEAR"
    LOG_DISAGREES = "LOG_DISAGREES"
    BOOKS_UNBALANCED = "BOOKS_UNBALANCED"
    POSITION_BREAK = "POSITION_BREAK"
    CASH_BREAK = "CASH_BREAK"
    RECONCILIATION_FAILED = "RECONCILIATION_FAILED"
    LOG_CONTRADICTS_CHECKPOINT = "LOG_CONTRADICTS_CHECKPOINT"
    DIVIDEND_CHANGED = "DIVIDEND_CHANGED"
    ACCOUNT_REOPENED = "ACCOUNT_REOPENED"


class SubjectType(StrEnum):
    """What a case can be about. An open list too. What is numbered goes by the UUID of that number."""

    ACCOUNT = "ACCOUNT"
    ORDER = "ORDER"
    MARKET_ORDER = "MARKET_ORDER"
    TENANT = "TENANT"
    INSTRUMENT = "INSTRUMENT"
    LEDGER_ACCOUNT = "LEDGER_ACCOUNT"
    DAILY_CLOSE = "DAILY_CLOSE"


class CaseStatus(StrEnum):
    """Where a case stands. The last two are final: what comes up again is a new case."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"

    @property
    def is_final(self) -> bool:
        return self in (CaseStatus.RESOLVED, CaseStatus.DISMISSED)


class CaseAction(StrEnum):
    """What was done with a case; its event is of the type ``CASE_`` and this."""

    OPENED = "OPENED"
    REPORTED_AGAIN = "REPORTED_AGAIN"
    ASSIGNED = "ASSIGNED"
    NOTED = "NOTED"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"


#: The most characters that a person's note may have.
MAX_NOTE: Final = 4_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What a case is about."""

    type: SubjectType
    id: UUID


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a person must decide; ``owner_id`` is the operator who is at it."""

    id: UUID
    kind: CaseKind
    subject: Subject
    summary: str
    detail: dict[str, Any]
    status: CaseStatus
    owner_id: UUID | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """What was done with a case, by whom; ``owner_id`` is to whom it was assigned, if that is what was done."""

    id: UUID
    case_id: UUID
    action: CaseAction
    actor: str
    note: str
    owner_id: UUID | None
    at: datetime
