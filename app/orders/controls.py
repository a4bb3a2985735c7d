"""The controls before the trade: read under the journal's lock, so they hold from the next batch of orders on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.money import multiply, ratio, to_units
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind, address
from app.ledger.types import RefusalReason, Refused
from app.market.market import NEW_YORK
from app.market.types import Quote, Side
from app.orders.errors import shortage_of
from app.orders.rows import Row
from app.orders.types import Order
from app.risk.review import review, settled_cash_refusal
from app.risk.rules import Rules, rules_in_force
from app.risk.tally import Tally
from app.risk.types import Count, Proposal, RuleKind
from app.risk.violations import as_rules, restrictions

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Controls:
    """The rules in force, and what was accepted already; each order that passes counts for the next."""

    batch: Batch
    rules: Rules
    tally: Tally

    def review(self, draft: Order, quote: Quote) -> Refusal | None:
        """Why the order must be refused, or None: then it has been counted."""
        proposal = proposal_of(draft, quote, self.batch)
        refusal = review(self.rules, proposal, self.tally.usage(proposal))
        if refusal is None:
            self.tally.add(proposal)
        return refusal

    def review_replacement(self, draft: Order, replaced: Order, quote: Quote) -> Refusal | None:
        """The same for an order that takes another's place: that one's worth and hold count no more."""
        before = proposal_of(replaced, quote, self.batch)
        self.tally.give_back(before, replaced.held)
        refusal = self.review(draft, quote)
        if refusal is not None:
            self.tally.give_back(before, replaced.held, again=True)
        return refusal

    def settled_only(self, draft: Order) -> bool:
        """Whether the account buys with settled cash only."""
        return self.rules.settled_cash_only(draft.account_id) is not None

    def explain(self, draft: Order, verdict: Refused) -> Refusal | None:
        """The ledger's refusal of a hold, where it is a rule that keeps the account from its other cash."""
        rule = self.rules.settled_cash_only(draft.account_id)
        if rule is None or draft.side is Side.SELL or verdict.reason is not RefusalReason.INSUFFICIENT:
            return None
        short = shortage_of(draft, verdict)
        return settled_cash_refusal(rule, short.needed, short.available, short)


async def controls_of(batch: Batch, account_ids: Sequence[UUID]) -> Controls:
    """The controls for orders of these accounts."""
    accounts = list(set(account_ids))
    today = batch.effective_at.astimezone(NEW_YORK).date()
    restricted = await restrictions(batch.connection, accounts, today)
    rules = (await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)).and_also(
        as_rules(restricted)
    )
    return Controls(batch, rules, await _tally(batch, rules, accounts, today))


def proposal_of(draft: Order, quote: Quote, batch: Batch) -> Proposal:
    """The order as the rules see it: quantity and worth are estimates where it names only the other."""
    price = draft.terms.limit_price or draft.reference_price
    quantity = draft.quantity if draft.quantity is not None else ratio(draft.amount or 0, price)
    worth = draft.amount if draft.amount is not None else multiply(quantity, price)
    return Proposal(
        draft.account_id,
        draft.book_id,
        draft.instrument_id,
        draft.side,
        draft.terms.limit_price,
        quantity,
        worth,
        quote,
        batch.effective_at,
    )


async def _tally(batch: Batch, rules: Rules, accounts: list[UUID], today: date) -> Tally:
    """What was accepted before, as far as a rule asks for it."""
    limits = {
        (rule.kind, rule.scope.account_id is None and not rule.per_account)
        for scoped in rules.by_scope.values()
        for rule in scoped
    }
    of_accounts: dict[UUID, Count] = {}
    if (RuleKind.ORDERS_PER_MINUTE, False) in limits or (RuleKind.MAX_DAILY_VALUE, False) in limits:
        daily = (RuleKind.MAX_DAILY_VALUE, False) in limits
        of_accounts = await (_counts(batch, accounts, today) if daily else _paces(batch, accounts))
    tenant = Count()
    if (RuleKind.ORDERS_PER_MINUTE, True) in limits or (RuleKind.MAX_DAILY_VALUE, True) in limits:
        tenant = await _count_of_all(batch, today)
    return Tally(tenant, of_accounts, await _settled(batch, rules))


async def _paces(batch: Batch, accounts: list[UUID]) -> dict[UUID, Count]:
    rows = await batch.connection.fetch(_PACES, accounts, batch.recorded_at - _MINUTE)
    return {row["account_id"]: Count(row["orders"]) for row in rows}


async def _counts(batch: Batch, accounts: list[UUID], today: date) -> dict[UUID, Count]:
    now = batch.recorded_at
    rows = await batch.connection.fetch(_COUNTS, accounts, now - _MINUTE, now - _DAY, today)
    return {row["account_id"]: _count(row) for row in rows}


async def _count_of_all(batch: Batch, today: date) -> Count:
    row = await batch.connection.fetchrow(
        _COUNT_OF_ALL, batch.journal.id, batch.recorded_at - _MINUTE, batch.recorded_at - _DAY, today
    )
    return Count() if row is None else _count(row)


def _count(row: Row) -> Count:
    return Count(row["orders"], to_units(row["value"]))


async def _settled(batch: Batch, rules: Rules) -> dict[int, int]:
    """Settled cash by book, of accounts that buy with nothing else."""
    accounts = [
        scope.account_id
        for scope, scoped in rules.by_scope.items()
        if scope.account_id is not None and any(rule.kind is RuleKind.SETTLED_CASH_ONLY for rule in scoped)
    ]
    if not accounts:
        return {}
    books = await batch.connection.fetch("SELECT book_id FROM account WHERE id = ANY ($1)", accounts)
    rows = await batch.connection.fetch(
        "SELECT book_id, balance FROM ledger.account WHERE id = ANY ($1)",
        [address(row["book_id"], USD, Kind.SETTLED) for row in books],
    )
    return dict.fromkeys((row["book_id"] for row in books), 0) | {
        row["book_id"]: to_units(row["balance"]) for row in rows
    }


_WORTH = "coalesce(amount, quantity * coalesce(limit_price, reference_price))"

_PACES = """
SELECT account_id, count(*) AS orders FROM customer_order WHERE account_id = ANY ($1) AND placed_at > $2
GROUP BY account_id
"""

_COUNTS = f"""
SELECT account_id, count(*) FILTER (WHERE placed_at > $2) AS orders,
  round(coalesce(sum({_WORTH}) FILTER (WHERE placed_on = $4 AND status <> 'REPLACED'), 0), 8) AS value
FROM customer_order WHERE account_id = ANY ($1) AND placed_at > $3 GROUP BY account_id
"""  # noqa: S608 - no input in it

_COUNT_OF_ALL = f"""
SELECT count(*) FILTER (WHERE placed_at > $2) AS orders,
  round(coalesce(sum({_WORTH}) FILTER (WHERE placed_on = $4 AND status <> 'REPLACED'), 0), 8) AS value
FROM customer_order WHERE journal_id = $1 AND placed_at > $3
"""  # noqa: S608
