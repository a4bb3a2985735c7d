"""The envelope of every event in the log.

Personal data never stands inside an event, only references to it: events cannot be taken back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID


class EventType(StrEnum):
    """What happened. The name is final once written; a changed meaning is a new ``version``."""

    ACCOUNT_OPENED = "ACCOUNT_OPENED"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_REOPENED = "ACCOUNT_REOPENED"
    HOUSE_FUNDED = "HOUSE_FUNDED"
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    ORDER_ACCEPTED = "ORDER_ACCEPTED"
    ORDER_NEW = "ORDER_NEW"
    ORDER_PARTIALLY_FILLED = "ORDER_PARTIALLY_FILLED"
    ORDER_FILLED = "ORDER_FILLED"
    ORDER_PENDING_CANCEL = "ORDER_PENDING_CANCEL"
    ORDER_CANCELED = "ORDER_CANCELED"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    ORDER_PENDING_REPLACE = "ORDER_PENDING_REPLACE"
    ORDER_REPLACED = "ORDER_REPLACED"
    ORDER_CANCEL_REJECTED = "ORDER_CANCEL_REJECTED"
    ORDER_REPLACE_REJECTED = "ORDER_REPLACE_REJECTED"
    ORDER_TRADE_CORRECTED = "ORDER_TRADE_CORRECTED"
    MARKET_ORDER_CREATED = "MARKET_ORDER_CREATED"
    MARKET_ORDER_SENT = "MARKET_ORDER_SENT"
    MARKET_ORDER_CHANGE_REQUESTED = "MARKET_ORDER_CHANGE_REQUESTED"
    MARKET_ORDER_CHANGED = "MARKET_ORDER_CHANGED"
    MARKET_ORDER_CHANGE_REJECTED = "MARKET_ORDER_CHANGE_REJECTED"
    EXECUTION = "EXECUTION"
    EXECUTION_BUSTED = "EXECUTION_BUSTED"
    EXECUTION_CORRECTED = "EXECUTION_CORRECTED"
    MARKET_ORDER_CLOSED = "MARKET_ORDER_CLOSED"
    MARKET_ORDER_ASKED_AGAIN = "MARKET_ORDER_ASKED_AGAIN"
    TRADE_SETTLED = "TRADE_SETTLED"
    CASH_SETTLED = "CASH_SETTLED"
    SHARES_REPAID = "SHARES_REPAID"
    CORPORATE_ACTION_ANNOUNCED = "CORPORATE_ACTION_ANNOUNCED"
    CORPORATE_ACTION_CANCELED = "CORPORATE_ACTION_CANCELED"
    CORPORATE_ACTION_BEGUN = "CORPORATE_ACTION_BEGUN"
    CORPORATE_ACTION_COMPLETED = "CORPORATE_ACTION_COMPLETED"
    SPLIT = "SPLIT"
    REVERSE_SPLIT = "REVERSE_SPLIT"
    CASH_IN_LIEU = "CASH_IN_LIEU"
    DIVIDEND_DUE = "DIVIDEND_DUE"
    DIVIDEND = "DIVIDEND"
    MERGER = "MERGER"
    RISK_RULE_SET = "RISK_RULE_SET"
    RISK_RULE_ENDED = "RISK_RULE_ENDED"
    GOOD_FAITH_VIOLATION = "GOOD_FAITH_VIOLATION"
    FREE_RIDING = "FREE_RIDING"
    CASE_OPENED = "CASE_OPENED"
    CASE_REPORTED_AGAIN = "CASE_REPORTED_AGAIN"
    CASE_ASSIGNED = "CASE_ASSIGNED"
    CASE_NOTED = "CASE_NOTED"
    CASE_RESOLVED = "CASE_RESOLVED"
    CASE_DISMISSED = "CASE_DISMISSED"
    MANUAL_JOURNAL_PROPOSED = "MANUAL_JOURNAL_PROPOSED"
    MANUAL_JOURNAL_REJECTED = "MANUAL_JOURNAL_REJECTED"
    MANUAL_JOURNAL_WITHDRAWN = "MANUAL_JOURNAL_WITHDRAWN"
    MANUAL_JOURNAL_EXPIRED = "MANUAL_JOURNAL_EXPIRED"
    MANUAL_JOURNAL = "MANUAL_JOURNAL"
    FEE = "FEE"
    INTEREST = "INTEREST"
    TRANSFER = "TRANSFER"
    REVERSAL = "REVERSAL"
    BOOKS_CLOSED = "BOOKS_CLOSED"
    RECONCILED = "RECONCILED"
    AUDIT_RESTARTED = "AUDIT_RESTARTED"


class Lateness(IntEnum):
    """How long after it took effect an event was recorded, while others were that took effect later."""

    ON_TIME = 0
    TOLD_LATE = 1
    """Up to a minute: it took that long to hear of it."""
    BACKDATED = 2


class NewEvent(NamedTuple):
    """An event about to be appended to its stream (a book's own history)."""

    book: int
    type: EventType
    actor: str
    effective_at: datetime
    cause: UUID | None = None
    correlation: UUID | None = None
    data: Mapping[str, Any] = MappingProxyType({})
    version: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the log holds it.

    ``position`` is gapless over the whole journal, ``sequence`` gapless over the book's stream. ``lateness`` says
    whether others that were recorded before it took effect after it.
    """

    journal_id: int
    position: int
    book: int
    sequence: int
    type: EventType
    version: int
    actor: str
    cause: UUID | None
    correlation: UUID | None
    recorded_at: datetime
    effective_at: datetime
    lateness: Lateness
    data: dict[str, Any]
