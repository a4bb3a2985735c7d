"""What the accounting room hands out. Amounts are units of 1e-8."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from app.accounting.trial_balance import Total
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
    """Whether lines were written by hand, or an entry is taken back."""

    JOURNAL = "JOURNAL"
    REVERSAL = "REVERSAL"


class JournalStatus(StrEnum):
    """Where a journal by hand stands. All but the first are final."""

    PROPOSED = "PROPOSED"
    POSTED = "POSTED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ManualJournal:
    """A journal that an operator wrote and another one decides about."""

    id: UUID
    journal_id: int
    kind: JournalKind
    status: JournalStatus
    account_id: UUID | None
    book_id: int
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
