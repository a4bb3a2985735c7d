"""Trading halts around a change of terms, by a rule like any other: no order is accepted or dealt meanwhile."""

from datetime import datetime
from uuid import UUID

from app.corporate_actions.types import CorporateAction
from app.ledger.batch import Batch
from app.orders.progress import ENGINE
from app.risk.check import SetRule
from app.risk.end import EndRule, end_rules
from app.risk.set import add_rules
from app.risk.types import Rule, RuleKind, Scope


async def halt(batch: Batch, action: CorporateAction, begins_at: datetime | None) -> None:
    """Nobody trades the instrument from that moment of market time on, or at once; until ``resume``."""
    command = SetRule(
        RuleKind.HALTED,
        f"{action.kind} on {action.ex_date}",
        action.announced_by if begins_at else ENGINE,
        scope=Scope(None, action.instrument_id),
        effective_from=begins_at,
    )
    [rule] = await add_rules(batch, [command])
    assert isinstance(rule, Rule), f"a halt can always be set: {rule}"
    await batch.connection.execute("UPDATE corporate_action SET halt_rule_id = $2 WHERE id = $1", action.id, rule.id)


async def keep_halted(batch: Batch, action: CorporateAction) -> None:
    """Should somebody have ended the halt, it holds again from this commit on."""
    stands = await batch.connection.fetchval(
        "SELECT true FROM risk_rule WHERE id = $1 AND ended_at IS NULL", action.halt_rule_id
    )
    if not stands:
        await halt(batch, action, None)


async def resume(batch: Batch, rule_id: UUID | None, reason: str, actor: str) -> None:
    """Trading goes on, as far as no other rule stands against it."""
    stands = await batch.connection.fetchval("SELECT true FROM risk_rule WHERE id = $1 AND ended_at IS NULL", rule_id)
    if rule_id is not None and stands:
        await end_rules(batch, [EndRule(rule_id, reason, actor)])
