"""Adds a stretch of the log up again: every entry must follow from the one before it in its account."""

from dataclasses import dataclass, field

from app.kernel.money import to_text
from app.ledger.chart import MAY_BE_NEGATIVE, Kind, asset_of, book_of, kind_of

#: Each so many entries of an account are summed up in a snapshot.
SNAPSHOT_EVERY = 1_000

_ASSET, _KIND = 1048575 << 5, 31
_NEVER_NEGATIVE = frozenset(kind.value for kind in Kind if kind not in MAY_BE_NEGATIVE)

Stand = tuple[int, int]
"""An account's sequence number and its balance in units."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an account stood at right after a position."""

    account: int
    position: int
    sequence: int
    balance: int


@dataclass(slots=True)
class Opening:
    """Where an account must have stood for the first entry of a stretch to follow from it."""

    position: int
    stand: Stand


@dataclass(slots=True)
class Stretch:
    """What some positions add up to: how each account stood before its first entry, and after its last.

    Entries outside ``low`` to ``high`` (ids of ledger accounts) are left out. ``disagreement`` names the first entry
    that does not follow from the one before it.
    """

    low: int = 0
    high: int = 2**63 - 1
    opening: dict[int, Opening] = field(default_factory=dict)
    closing: dict[int, Stand] = field(default_factory=dict)
    last: tuple[int, int] = (0, 0)
    snapshots: list[Snapshot] = field(default_factory=list)
    disagreement: str | None = None

    @property
    def entries(self) -> int:
        """How many there were: each transfer is one in two accounts."""
        return sum(closing[0] - self.opening[account].stand[0] for account, closing in self.closing.items())

    def read(self, lines: str) -> None:
        """Go on with transfers, oldest first: a line each, with tabs between position, leg, debit account, its sequence
        and balance, credit account, its sequence and balance, and the amount (balances and amount with 8 decimals)."""
        closing, low, high, none = self.closing, self.low, self.high, (-1, 0)
        whole = low != high  # the log of a single account has not all of a transaction's transfers
        # With 8 decimals always, taking away the point makes units of it.
        last, last_leg = self.last
        if "N" in lines:  # NaN
            self.disagreement = self.disagreement or f"past position {last}: there is a figure that is none"
            return
        for line in lines.replace(".", "").splitlines():
            position, leg, debit, debit_sequence, debit_balance, credit, credit_sequence, credit_balance, amount = map(
                int, line.split("\t")
            )
            if leg != (last_leg + 1 if position == last else 1) and whole and self.disagreement is None:
                self.disagreement = f"position {position}: a transfer is missing before leg {leg}"
            last, last_leg = position, leg
            if (debit ^ credit) & _ASSET or (debit_balance < 0 and debit & _KIND in _NEVER_NEGATIVE):
                self._object(position, debit, credit)
            if low <= debit <= high:
                if closing.get(debit, none) != (debit_sequence - 1, debit_balance + amount):
                    self._begin(position, debit, debit_sequence - 1, debit_balance + amount)
                closing[debit] = (debit_sequence, debit_balance)
                if debit_sequence % SNAPSHOT_EVERY == 0:
                    self.snapshots.append(Snapshot(debit, position, debit_sequence, debit_balance))
            if low <= credit <= high:
                if closing.get(credit, none) != (credit_sequence - 1, credit_balance - amount):
                    self._begin(position, credit, credit_sequence - 1, credit_balance - amount)
                closing[credit] = (credit_sequence, credit_balance)
                if credit_sequence % SNAPSHOT_EVERY == 0:
                    self.snapshots.append(Snapshot(credit, position, credit_sequence, credit_balance))
        self.last = last, last_leg

    def follow(self, before: "Stretch") -> None:
        """Check that this stretch follows from ``before``, and make one of both."""
        self.disagreement = before.disagreement or self.contradiction(before.closing) or self.disagreement
        self.opening = self.opening | before.opening
        self.closing = before.closing | self.closing

    def contradiction(self, stands: dict[int, Stand]) -> str | None:
        """The first entry that does not follow from how the accounts stood before."""
        wrong = [
            (opening.position, account)
            for account, opening in self.opening.items()
            if stands.get(account, (0, 0)) != opening.stand
        ]
        if not wrong:
            return None
        position, account = min(wrong)
        return _differs(account, position, stands.get(account, (0, 0)), self.opening[account].stand)

    def _object(self, position: int, debit: int, credit: int) -> None:
        """A transfer that can't have been posted."""
        if self.disagreement is None:
            what = f"{describe(debit)} to {describe(credit)}"
            self.disagreement = f"position {position}: from {what}, of two assets or below zero"

    def _begin(self, position: int, account: int, sequence: int, balance: int) -> None:
        """The account's first entry here, or one that does not follow."""
        if account not in self.closing:
            self.opening[account] = Opening(position, (sequence, balance))
        elif self.disagreement is None:
            self.disagreement = _differs(account, position, self.closing[account], (sequence, balance))


def _differs(account: int, position: int, found: Stand, needed: Stand) -> str:
    return (
        f"position {position}: {describe(account)} stood at {to_text(found[1])} after {found[0]} entries,"
        f" but the next entry follows from {to_text(needed[1])} after {needed[0]}"
    )


def describe(account: int) -> str:
    """A ledger account in words."""
    return f"{kind_of(account).name.lower()} of book {book_of(account)}, asset {asset_of(account)}"
