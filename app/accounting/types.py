"""What the accounting room hands out. Amounts are units of 1e-8."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.accounting.trial_balance import Total
from app.kernel.events import EventType
from app.ledger.chart import Kind
from app.ledger.types import Leg


@dataclass(frozen=True, slots=True)
class Missing:
    """Shares of an asset that can't be accounted for."""

    asset: int
    difference: int


@dataclass(frozen=True, slots=True)
class DailyClose:
    """What the books said at the end of a business date; ``position`` is the last entry it covers."""

    id: UUID
    journal_id: int
    business_date: date
    ends_at: datetime
    position: int
    hash: str
    totals: Sequence[Total]
    custody: Sequence[Missing]
    balanced: bool
    closed_by: str
    closed_at: datetime


class JournalKind(StrEnum):
    """What a journal by hand is: lines of any sort, something with a name of its own, or an entry taken back."""

    ADJUSTMENT = "ADJUSTMENT"
    FEE = "FEE"
    INTEREST = "INTEREST"
    TRANSFER = "TRANSFER"
    REVERSAL = "REVERSAL"


#: What a journal of a kind is called in the log.
EVENT_TYPES: Final = {
    JournalKind.ADJUSTMENT: EventType.MANUAL_JOURNAL,
    JournalKind.FEE: EventType.FEE,
    JournalKind.INTEREST: EventType.INTEREST,
    JournalKind.TRANSFER: EventType.TRANSFER,
    JournalKind.REVERSAL: EventType.REVERSAL,
}


class JournalStatus(StrEnum):
    """Where a journal by hand stands. All but the first are final."""

    PROPOSED = "PROPOSED"
    POSTED = "POSTED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Line:
    """``amount`` units of an asset from the account of one kind to the account of another."""

    debit: Kind
    credit: Kind
    asset: int
    amount: int


@dataclass(frozen=True, slots=True)
class ManualJournal:
    """A journal that an operator wrote and another one decides about.

    ``to_account_id`` and ``to_book_id`` are whose account a transfer goes to; ``position`` is that of its entry in the
    account that it comes from.
    """

    id: UUID
    journal_id: int
    kind: JournalKind
    status: JournalStatus
    account_id: UUID | None
    book_id: int
    to_account_id: UUID | None
    to_book_id: int | None
    lines: Sequence[Leg]
    reverses: int | None
    reason: str
    effective_at: datetime | None
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class Break:
    """A balance that the custodian or the bank has otherwise than our books. Positive: kept for us."""

    account: Kind
    asset: int
    ours: int
    theirs: int

    @property
    def difference(self) -> int:
        """What they have more than our books say."""
        return self.theirs - self.ours


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison with what the custodian and the bank say of the moment ``as_of``."""

    id: UUID
    journal_id: int
    business_date: date | None
    as_of: datetime
    source: str
    file_hash: str
    accounts: Sequence[Kind]
    compared: int
    breaks: Sequence[Break]
    run_by: str
    run_at: datetime
