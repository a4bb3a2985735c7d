"""A corporate action: its terms, its dates, and how far it has come. Quantities and dollars are units of 1e-8."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class ActionKind(StrEnum):
    """What a company does."""

    SPLIT = "SPLIT"
    REVERSE_SPLIT = "REVERSE_SPLIT"
    DIVIDEND = "DIVIDEND"
    MERGER = "MERGER"


class ActionStatus(StrEnum):
    """How far an action has come. Splits and mergers are cleared, then applied; dividends accrue, then are paid."""

    ANNOUNCED = "ANNOUNCED"
    CLEARING = "CLEARING"
    APPLYING = "APPLYING"
    ACCRUING = "ACCRUING"
    ACCRUED = "ACCRUED"
    PAYING = "PAYING"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        return self in (ActionStatus.COMPLETED, ActionStatus.CANCELED)


class Fractions(StrEnum):
    """What becomes of parts of a share: everybody keeps them, or gets money in their place."""

    KEPT = "KEPT"
    CASH = "CASH"


class Stage(StrEnum):
    """What of an action is done in chunks, in this order: open trades, customers, and at last what is the house's."""

    TRADES = "TRADES"
    HOLDERS = "HOLDERS"
    HOUSE = "HOUSE"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is given: ``new_shares`` for each ``old_shares`` (zero for none), ``cash_per_share`` (zero for none).

    ``price`` is what a share is worth under the new terms: for fractions, and to divide what the old one had cost.
    """

    new_shares: int = 0
    old_shares: int = 0
    cash_per_share: int = 0
    fractions: Fractions = Fractions.KEPT
    price: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been dealt with so far: the last book, how many accounts, their shares before and after, the dollars
    that they got, and the house's."""

    stage: Stage | None = None
    through: int = 0
    accounts: int = 0
    shares_before: int = 0
    shares_after: int = 0
    cash: int = 0
    house_cash: int = 0


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """An action as the tenant carries it out. Dates are the exchange's; ``begins_at`` and ``effective_at`` are market
    time, the other moments are the wall's."""

    id: UUID
    kind: ActionKind
    instrument_id: int
    into_id: int | None
    status: ActionStatus
    terms: Terms
    ex_date: date
    record_date: date
    pay_date: date | None
    begins_at: datetime
    effective_at: datetime
    begun_at: datetime | None
    progress: Progress
    reason: str
    announced_by: str
    announced_at: datetime
    halt_rule_id: UUID | None = None
    canceled_by: str | None = None
    canceled_at: datetime | None = None
    cancel_reason: str | None = None
    completed_at: datetime | None = None

    @property
    def changes_terms(self) -> bool:
        """Whether what a share is changes, so that nothing may be in flight meanwhile."""
        return self.kind is not ActionKind.DIVIDEND
