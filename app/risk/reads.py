"""Batched reads of rules for the API. Row-level security bounds them to the tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.paging import Page, PageOf, page_from
from app.risk.tables import risk_rule
from app.risk.types import RiskRule, Rule, RuleKind, Scope


async def rules_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, RiskRule]:
    """Rules by id; unknown ids are absent."""
    rows = await connection.execute(select(risk_rule).where(risk_rule.c.id.in_(ids)))
    return {found.id: found for found in map(_rule, rows)}


async def rules(connection: AsyncConnection, tenant_id: UUID, asked: PageOf[UUID]) -> Page[RiskRule]:
    """A tenant's rules, those that ended too, newest first, keyed by id."""
    query = select(risk_rule).where(risk_rule.c.tenant_id == tenant_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(risk_rule.c.id < asked.after)
    if asked.before is not None:
        query = query.where(risk_rule.c.id > asked.before)
    query = query.order_by(risk_rule.c.id.asc() if asked.backward else risk_rule.c.id.desc())
    return page_from([_rule(row) for row in await connection.execute(query)], asked)


def _rule(row: Row[Any]) -> RiskRule:
    scope = Scope(row.account_id, row.instrument_id)
    times = (row.effective_from, row.effective_until)
    return RiskRule(
        row.id,
        Rule(RuleKind(row.kind), row.value, scope, row.per_account, *times, row.id),
        row.reason,
        row.book_id,
        row.set_by,
        row.set_at,
        row.ended_by,
        row.ended_at,
        row.end_reason,
    )
