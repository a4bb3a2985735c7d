"""Violations of the cash account's rules as they are recorded, and the restrictions that follow from them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from app.infra.database import EngineConnection
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.market.market import NEW_YORK
from app.risk.cash_account import (
    Restriction,
    SoldPart,
    Violation,
    ViolationKind,
    restricted_until,
    violation_of,
)
from app.risk.types import Rule, RuleKind, Scope

_DAY = timedelta(days=1)


async def record_violations(batch: Batch, parts: Sequence[SoldPart]) -> list[UUID]:
    """Record what the sales violate, each once by selling order and lot, and tell the customers; answers new ids.

    A step of the use case that records fills: the sale has happened, so nothing is refused.
    """
    found = [(new_id(), kind, part) for part in parts if (kind := violation_of(part))]
    if not found:
        return []
    fresh = await _insert(batch, found)
    told = [(id_, kind, part) for id_, kind, part in found if id_ in fresh]
    # Each on its own day: what is recorded late says what followed then.
    days = {part.sold_on for _, _, part in told}
    accounts = {part.account_id for _, _, part in told}
    by_day = {day: await restrictions(batch.connection, list(accounts), day) for day in days}
    await batch.post_facts(
        [Entry(_event(batch, id_, kind, part, by_day[part.sold_on].get(part.account_id))) for id_, kind, part in told]
    )
    return [id_ for id_, _, _ in told]


async def restrictions(connection: EngineConnection, account_ids: Sequence[UUID], on: date) -> dict[UUID, Restriction]:
    """Which of the accounts buy with settled cash only on that day of the market, and why; the others are absent."""
    rows = await connection.fetch(_VIOLATIONS, account_ids, on)
    by_account: dict[UUID, list[Violation]] = {}
    for account_id, kind, sold_by, occurred_on in rows:
        by_account.setdefault(account_id, []).append(Violation(ViolationKind(kind), sold_by, occurred_on))
    found = {account_id: restricted_until(violations, on) for account_id, violations in by_account.items()}
    return {account_id: restriction for account_id, restriction in found.items() if restriction}


def as_rules(restricted: Mapping[UUID, Restriction]) -> list[Rule]:
    """Restrictions as rules, for ``Rules.and_also``: they hold for whole days of New York, where the books close."""
    return [
        Rule(
            RuleKind.SETTLED_CASH_ONLY,
            scope=Scope(account_id),
            effective_from=_midnight(each.since),
            effective_until=_midnight(each.until + _DAY),
        )
        for account_id, each in restricted.items()
    ]


async def _insert(batch: Batch, found: Sequence[tuple[UUID, ViolationKind, SoldPart]]) -> set[UUID]:
    parts = [part for _, _, part in found]
    rows = await batch.connection.fetch(
        _INSERT,
        batch.journal.tenant_id,
        batch.recorded_at,
        [id_ for id_, _, _ in found],
        [part.account_id for part in parts],
        [kind.value for _, kind, _ in found],
        [part.sold_by for part in parts],
        [part.bought_by for part in parts],
        [part.sold_on for part in parts],
        [part.settles_on for part in parts],
    )
    return {row["id"] for row in rows}


def _event(batch: Batch, id_: UUID, kind: ViolationKind, part: SoldPart, restricted: Restriction | None) -> NewEvent:
    data = {
        "violation": str(id_),
        "order": str(part.sold_by),
        "bought_by": str(part.bought_by),
        "occurred_on": part.sold_on.isoformat(),
        "proceeds_due": None if part.settles_on is None else part.settles_on.isoformat(),
        "restricted_until": None if restricted is None else restricted.until.isoformat(),
    }
    return NewEvent(
        part.book,
        EventType(kind.value),
        "engine",
        batch.effective_at,
        cause=part.bought_by,
        correlation=part.sold_by,
        data=data,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), NEW_YORK)


_INSERT = """
INSERT INTO cash_violation (id, tenant_id, account_id, kind, sold_by, bought_by, occurred_on, proceeds_due, recorded_at)
SELECT id, $1, account, kind, sold_by, bought_by, occurred_on, due, $2
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::date[], $9::date[])
  AS u(id, account, kind, sold_by, bought_by, occurred_on, due)
ON CONFLICT (sold_by, bought_by) DO NOTHING RETURNING id
"""

#: The last twelve months may lead to a restriction as long as 90 days ago: 16 months hold them all.
_VIOLATIONS = """
SELECT account_id, kind, sold_by, occurred_on FROM cash_violation
WHERE account_id = ANY ($1) AND occurred_on <= $2 AND occurred_on > $2::date - interval '16 months'
"""
