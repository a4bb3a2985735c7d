"""An investor's account."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class AccountStatus(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Account:
    """An investor's account with us; ``book_id`` is its book in the ledger."""

    id: UUID
    tenant_id: UUID
    owner_id: UUID
    name: str
    status: AccountStatus
    journal_id: int
    book_id: int
    opened_at: datetime
