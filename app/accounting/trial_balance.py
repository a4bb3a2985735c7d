"""The trial balance: what every sort of ledger account adds up to, in an accountant's two columns. Pure.

A ledger account with more credits than debits stands in the credit column (what customers have, what the firm has
earned), one with more debits in the debit column (what banks and the custodian keep for us, what is owed to us).
Accounts are not netted against each other: what one customer owes is not hidden behind what another one has.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.kernel.money import to_text
from app.ledger.chart import USD, BookKind, Kind
from app.ledger.reads import CustodyProof, custody_of


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """All ledger accounts of one kind and asset; ``accounts`` of them are not at zero. Units."""

    kind: Kind
    asset: int
    accounts: int
    debit: int
    credit: int

    @property
    def book(self) -> BookKind:
        """In whose books these accounts stand."""
        return self.kind.book_kind


@dataclass(frozen=True, slots=True)
class Total:
    """The two columns of one asset."""

    asset: int
    debit: int
    credit: int

    @property
    def balanced(self) -> bool:
        """Whether every unit that left an account has come to another."""
        return self.debit == self.credit


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The books of a journal as of a position of its log."""

    journal_id: int
    position: int
    rows: Sequence[TrialBalanceRow]

    @property
    def totals(self) -> list[Total]:
        """Debits and credits of each asset."""
        assets = sorted({row.asset for row in self.rows})
        return [
            Total(
                asset,
                sum(row.debit for row in self.rows if row.asset == asset),
                sum(row.credit for row in self.rows if row.asset == asset),
            )
            for asset in assets
        ]

    @property
    def balanced(self) -> bool:
        """Whether debits equal credits in every asset."""
        return all(total.balanced for total in self.totals)

    @property
    def hash(self) -> str:
        """SHA-256 over the rows as plain text, so that whoever has the same books finds the same."""
        lines = [f"journal {self.journal_id} position {self.position}"]
        for row in sorted(self.rows, key=lambda row: (row.kind, row.asset)):
            figures = f"{row.accounts} {to_text(row.debit)} {to_text(row.credit)}"
            lines.append(f"{row.kind.name} {row.asset} {figures}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def missing(self) -> list[CustodyProof]:
        """Assets of which customers + house + in flight are not what custodian + street have."""
        sums: dict[int, dict[Kind, int]] = {}
        for row in self.rows:
            if row.asset != USD:
                sums.setdefault(row.asset, {})[row.kind] = row.credit - row.debit
        return [proof for proof in custody_of(sums) if proof.difference]

    def net(self, kind: Kind, asset: int = USD) -> int:
        """Credits less debits of one kind and asset."""
        return sum(row.credit - row.debit for row in self.rows if (row.kind, row.asset) == (kind, asset))
