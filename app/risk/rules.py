"""The rules in force, read in the batch that accepts orders.

Effective times are market time, as everything is that takes effect in the trade: settlement cycles, halts, the 90 days
of a restriction. While a simulated market stands still, no rule runs out. A clock decides nothing that should hold at
once: a rule set without a date, and its end, hold from their commit on, because whoever holds the journal's lock next
reads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from asyncpg import Record

from app.infra.database import EngineConnection
from app.risk.defaults import DEFAULTS
from app.risk.types import TENANT, Proposal, Rule, RuleKind, Scope

_STOPS: Final = (RuleKind.HALTED, RuleKind.KILL_SWITCH)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold, by scope. All that apply count, so the strictest decides."""

    by_scope: Mapping[Scope, Sequence[Rule]]
    _accounts: frozenset[UUID | None] = field(init=False, repr=False, compare=False)
    _instruments: frozenset[int | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_accounts", frozenset(scope.account_id for scope in self.by_scope))
        object.__setattr__(self, "_instruments", frozenset(scope.instrument_id for scope in self.by_scope))

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Self:
        """A tenant's rules, and the defaults that none of its rules for everybody stands in for."""
        own = list(rules)
        replaced = {(rule.kind, rule.per_account) for rule in own if rule.scope == TENANT}
        by_scope: dict[Scope, list[Rule]] = {}
        for rule in [*own, *(each for each in DEFAULTS if (each.kind, each.per_account) not in replaced)]:
            by_scope.setdefault(rule.scope, []).append(rule)
        return cls(by_scope)

    def and_also(self, rules: Iterable[Rule]) -> Self:
        """These rules and more of single accounts, such as what ``restrictions`` finds."""
        by_scope = dict(self.by_scope)
        for rule in rules:
            by_scope[rule.scope] = [*by_scope.get(rule.scope, ()), rule]
        return type(self)(by_scope)

    def applying(self, proposal: Proposal) -> Sequence[Rule]:
        """Every rule that the proposal must keep."""
        account, instrument = proposal.account_id, proposal.instrument_id
        if account not in self._accounts and instrument not in self._instruments:
            return self.by_scope.get(TENANT, ())  # as almost always
        scopes = (TENANT, Scope(account), Scope(None, instrument), Scope(account, instrument))
        return [rule for scope in scopes for rule in self.by_scope.get(scope, ())]

    def stops(self, instrument_id: int) -> bool:
        """Whether nothing of the instrument may be dealt now, whosoever's it is."""
        scopes = (TENANT, Scope(None, instrument_id))
        return any(rule.kind in _STOPS for scope in scopes for rule in self.by_scope.get(scope, ()))

    def settled_cash_only(self, account_id: UUID) -> Rule | None:
        """The rule by which what the account buys must be held from settled cash alone, if there is one.

        The ledger then decides whether that is enough; ``settled_cash_refusal`` says so to the customer.
        """
        rules = self.by_scope.get(Scope(account_id), ())
        return next((rule for rule in rules if rule.kind is RuleKind.SETTLED_CASH_ONLY), None)


async def rules_in_force(connection: EngineConnection, tenant_id: UUID, at: datetime) -> Rules:
    """What holds for the tenant at a moment of market time. Read it under the journal's lock to act on it."""
    return Rules.of([_rule(row) for row in await connection.fetch(_IN_FORCE, tenant_id, at)])


async def switches_in_force(connection: EngineConnection, at: datetime) -> list[tuple[UUID, Scope]]:
    """The tenant and scope of every kill switch that is engaged at a moment of market time, whosoever's."""
    rows = await connection.fetch(
        "SELECT tenant_id, account_id, instrument_id FROM risk_rule"
        " WHERE kind = 'KILL_SWITCH' AND ended_at IS NULL AND (at_once OR effective_from <= $1)"
        " AND (effective_until IS NULL OR effective_until > $1)",
        at,
    )
    return [(row["tenant_id"], Scope(row["account_id"], row["instrument_id"])) for row in rows]


def _rule(row: Record) -> Rule:
    id_, kind, account_id, instrument_id, per_account, units, start, end = row
    return Rule(RuleKind(kind), units, Scope(account_id, instrument_id), per_account, start, end, id_)


_IN_FORCE = """
SELECT id, kind, account_id, instrument_id, per_account, (value * 100000000)::bigint, effective_from, effective_until
FROM risk_rule
WHERE tenant_id = $1 AND ended_at IS NULL AND (at_once OR effective_from <= $2)
  AND (effective_until IS NULL OR effective_until > $2)
"""
