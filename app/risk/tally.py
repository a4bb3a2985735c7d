"""What a batch of orders uses up while it is being checked."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from app.market.types import Side
from app.risk.types import Count, Proposal, Usage


@dataclass(slots=True)
class Tally:
    """What was accepted before the batch, which each order that is let through adds to.

    ``settled_cash`` is by book, and needed only of accounts for which ``Rules.settled_cash_only`` finds a rule. An
    order that the ledger refuses afterwards has counted all the same, for the rest of its batch.
    """

    tenant: Count = field(default_factory=Count)
    accounts: dict[UUID, Count] = field(default_factory=dict)
    settled_cash: dict[int, int] = field(default_factory=dict)

    def usage(self, proposal: Proposal) -> Usage:
        """What counts for the proposal."""
        account = self.accounts.get(proposal.account_id, Count())
        return Usage(account, self.tenant, self.settled_cash.get(proposal.book))

    def add(self, proposal: Proposal) -> None:
        """The proposal was let through."""
        self.tenant = _one_more(self.tenant, proposal)
        self.accounts[proposal.account_id] = _one_more(self.accounts.get(proposal.account_id, Count()), proposal)
        if proposal.side is Side.BUY and proposal.book in self.settled_cash:
            self.settled_cash[proposal.book] -= proposal.worth

    def give_back(self, proposal: Proposal, held: int, *, again: bool = False) -> None:
        """An order that was let through before is replaced: its worth counts no more (or, ``again``, after all)."""
        sign = 1 if again else -1
        self.tenant = replace(self.tenant, value=self.tenant.value + sign * proposal.worth)
        account = self.accounts.get(proposal.account_id, Count())
        self.accounts[proposal.account_id] = replace(account, value=account.value + sign * proposal.worth)
        if proposal.side is Side.BUY and proposal.book in self.settled_cash:
            self.settled_cash[proposal.book] -= sign * held


def _one_more(count: Count, proposal: Proposal) -> Count:
    return Count(count.orders + 1, count.value + proposal.worth)
