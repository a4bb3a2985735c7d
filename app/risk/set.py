"""Setting rules: each is recorded and told in the commit from which on it holds."""

from collections.abc import Sequence
from typing import Any

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_decimal, to_text
from app.ledger.batch import Batch
from app.ledger.types import Entry, Refused
from app.risk.check import SetRule, begins, check
from app.risk.errors import SetRuleError
from app.risk.types import Rule


async def add_rules(batch: Batch, commands: Sequence[SetRule]) -> list[Rule | Refusal]:
    """Set each rule, or say why not: for the use case that has more to do in the commit where a rule begins to hold,
    such as canceling the orders within the ``scope`` of a kill switch (``app/orders/stop.py``)."""
    answers: list[Rule | Refusal] = [check(each, batch.effective_at) or _rule(batch, each) for each in commands]
    asked = [(index, rule, commands[index]) for index, rule in enumerate(answers) if not isinstance(rule, Refusal)]
    verdicts = await batch.post([Entry(_event(batch, rule, command)) for _, rule, command in asked])
    rows = []
    for (index, rule, command), verdict in zip(asked, verdicts, strict=True):
        if isinstance(verdict, Refused):
            answers[index] = Refusal(
                SetRuleError.ACCOUNT_CLOSED, "The account is closed and trades no more.", "accountId"
            )
        else:
            rows.append(_row(batch, rule, command))
    await batch.connection.executemany(_INSERT, rows)
    return answers


def _rule(batch: Batch, command: SetRule) -> Rule:
    return Rule(
        command.kind,
        command.value,
        command.scope,
        command.per_account,
        begins(command, batch.effective_at),
        command.effective_until,
        new_id(),
    )


def _event(batch: Batch, rule: Rule, command: SetRule) -> NewEvent:
    assert rule.effective_from is not None
    until = rule.effective_until
    data = {
        "rule": str(rule.id),
        "kind": rule.kind,
        "value": None if rule.value is None else to_text(rule.value),
        "account": None if rule.scope.account_id is None else str(rule.scope.account_id),
        "instrument": rule.scope.instrument_id,
        "per_account": rule.per_account,
        "effective_from": rule.effective_from.isoformat(),
        "effective_until": None if until is None else until.isoformat(),
    }
    # The reason stays out: the customer reads this, and what is in an event can't be taken back.
    return NewEvent(
        _book(batch, command),
        EventType.RISK_RULE_SET,
        command.actor,
        batch.effective_at,
        correlation=rule.id,
        data=data,
    )


def _book(batch: Batch, command: SetRule) -> int:
    if command.scope.account_id is None:
        return batch.journal.house
    assert command.book is not None, "a rule about an account is told in its book"
    return command.book


def _row(batch: Batch, rule: Rule, command: SetRule) -> tuple[Any, ...]:
    return (
        rule.id,
        batch.journal.tenant_id,
        rule.kind.value,
        rule.scope.account_id,
        rule.scope.instrument_id,
        rule.per_account,
        None if rule.value is None else to_decimal(rule.value),
        command.reason.strip(),
        rule.effective_from,
        rule.effective_until,
        rule.effective_from == batch.effective_at,
        _book(batch, command),
        command.actor,
        batch.recorded_at,
    )


_INSERT = """
INSERT INTO risk_rule (id, tenant_id, kind, account_id, instrument_id, per_account, value, reason, effective_from,
  effective_until, at_once, book_id, set_by, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
