"""What the ledger takes and hands out. Amounts are units of 1e-8.

What is made for every posting is a named tuple: a frozen dataclass takes three times as long to make.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from app.kernel.events import NewEvent


class Leg(NamedTuple):
    """A movement wanted: ``amount`` units from ``debit`` to ``credit``.

    With ``up_to`` the leg takes what the debit account has, at most ``amount``, and hands the rest on to the next
    leg of its entry; what the last leg can't take stays untaken.
    """

    debit: int
    credit: int
    amount: int
    up_to: bool = False

    @classmethod
    def signed(cls, debit: int, credit: int, amount: int) -> "Leg":
        """A leg whose amount may be negative: then it goes the other way."""
        return cls(debit, credit, amount) if amount >= 0 else cls(credit, debit, -amount)


class Entry(NamedTuple):
    """An event and the legs that are its transaction: all of it is posted, or none."""

    event: NewEvent
    legs: Sequence[Leg] = ()


class Posted(NamedTuple):
    """An entry as the log took it. ``taken`` holds the units of each leg, in order."""

    position: int
    sequence: int
    taken: Sequence[int]


class RefusalReason(StrEnum):
    """Why the ledger declined an entry."""

    INSUFFICIENT = "insufficient"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that the ledger declined: nothing of it is posted.

    For INSUFFICIENT, ``account`` is the one that ran short, ``needed`` the units that were to leave it, and
    ``shortage`` how many of these it lacks.
    """

    reason: RefusalReason
    account: int | None
    needed: int
    shortage: int

    @property
    def available(self) -> int:
        """What the account had."""
        return self.needed - self.shortage


@dataclass(frozen=True, slots=True)
class Journal:
    """A tenant's journal and its two standing books: the house's and the outside world's."""

    id: int
    tenant_id: UUID
    house: int
    outside: int


@dataclass(frozen=True, slots=True)
class Cash:
    """A customer's dollars by kind."""

    settled: int = 0
    unsettled: int = 0
    instant: int = 0
    pending: int = 0
    held: int = 0
    receivable: int = 0

    @property
    def buying_power(self) -> int:
        """What may be spent on an order now."""
        return self.settled + self.unsettled + self.instant

    @property
    def withdrawable(self) -> int:
        """What may leave the account now: settled money, while nothing is owed."""
        return self.settled if self.receivable == 0 else 0

    @property
    def total(self) -> int:
        """Everything that is the customer's, held or not, less what they owe."""
        return self.settled + self.unsettled + self.instant + self.pending + self.held + self.receivable


@dataclass(frozen=True, slots=True)
class Position:
    """A customer's units of one asset; ``held`` of them stand behind open sell orders."""

    book: int
    asset: int
    quantity: int
    held: int

    @property
    def available(self) -> int:
        """What may be sold now."""
        return self.quantity - self.held


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement as the log holds it: amounts, and each side's sequence and balance after it."""

    position: int
    leg: int
    debit: int
    debit_sequence: int
    debit_balance: int
    credit: int
    credit_sequence: int
    credit_balance: int
    amount: int
    lateness: int
    recorded_at: datetime
