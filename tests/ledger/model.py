"""The ledger's rules in plain Python: what ``ledger.post`` must do, written as simply as it goes."""

from collections import defaultdict
from dataclasses import dataclass, field

from app.ledger.chart import MAY_BE_NEGATIVE, kind_of
from app.ledger.types import Leg


@dataclass
class LedgerModel:
    """Balances and sequences by ledger account."""

    balances: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    sequences: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def post(self, legs: list[Leg]) -> list[int] | None:
        """What each leg takes, or None when the entry is refused; then nothing has changed."""
        balances, sequences = self.balances.copy(), self.sequences.copy()
        taken, rest = [], 0
        for leg in legs:
            wanted, rest = leg.amount + rest, 0
            if kind_of(leg.debit) not in MAY_BE_NEGATIVE and balances[leg.debit] < wanted:
                if not leg.up_to:
                    return None
                wanted, rest = balances[leg.debit], wanted - balances[leg.debit]
            if wanted:
                balances[leg.debit] -= wanted
                balances[leg.credit] += wanted
                sequences[leg.debit] += 1
                sequences[leg.credit] += 1
            taken.append(wanted)
        self.balances, self.sequences = balances, sequences
        return taken
