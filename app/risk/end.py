"""Ending rules, at once: the next commit does not know them any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import Record

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.texts import is_text
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.risk.check import MAX_REASON
from app.risk.errors import EndRuleError, ReleaseError
from app.risk.types import RuleKind, Scope


@dataclass(frozen=True, slots=True)
class EndRule:
    """A rule of this tenant shall hold no more."""

    rule_id: UUID
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Release:
    """Whatever kill switches are engaged for exactly this scope shall be released."""

    scope: Scope
    reason: str
    actor: str


async def end_rules(batch: Batch, commands: Sequence[EndRule]) -> list[UUID | Refusal]:
    """End each; answers their ids. A rule that is to begin later never will."""
    ids = [each.rule_id for each in commands]
    rules = {row["id"]: row for row in await batch.connection.fetch(_FIND, batch.journal.tenant_id, ids)}
    ended: set[UUID] = {id_ for id_, row in rules.items() if row["ended_at"] is not None}
    answers: list[UUID | Refusal] = []
    ending: list[tuple[Record, str, str]] = []
    for command in commands:
        rule = rules[command.rule_id]
        if not is_text(command.reason, MAX_REASON):
            answers.append(_no_reason(EndRuleError.REASON_INVALID, command.reason))
        elif rule["id"] in ended:
            message = "The rule was ended before; it holds no more."
            answers.append(Refusal(EndRuleError.ALREADY_ENDED, message, "ruleId"))
        else:
            ended.add(rule["id"])
            ending.append((rule, command.reason, command.actor))
            answers.append(command.rule_id)
    await _end(batch, ending)
    return answers


async def release(batch: Batch, commands: Sequence[Release]) -> list[UUID | Refusal]:
    """Release each; answers the rule of the switch that was engaged last."""
    answers: list[UUID | Refusal] = []
    rows = await batch.connection.fetch(_ENGAGED, batch.journal.tenant_id, RuleKind.KILL_SWITCH.value)
    engaged: dict[Scope, list[Record]] = {}
    for row in rows:
        engaged.setdefault(Scope(row["account_id"], row["instrument_id"]), []).append(row)
    for command in commands:
        if not is_text(command.reason, MAX_REASON):
            answers.append(_no_reason(ReleaseError.REASON_INVALID, command.reason))
        elif not (found := engaged.pop(command.scope, [])):
            message = "No kill switch is engaged for just this; look at the desk's rules for its scope."
            answers.append(Refusal(ReleaseError.NOT_ENGAGED, message))
        else:
            await _end(batch, [(row, command.reason, command.actor) for row in found])
            answers.append(found[-1]["id"])
    return answers


async def _end(batch: Batch, ending: Sequence[tuple[Record, str, str]]) -> None:
    await batch.post_facts([Entry(_event(batch, rule, actor)) for rule, _, actor in ending])
    rows = [(rule["id"], actor, batch.recorded_at, reason.strip()) for rule, reason, actor in ending]
    await batch.connection.executemany(
        "UPDATE risk_rule SET ended_by = $2, ended_at = $3, end_reason = $4 WHERE id = $1", rows
    )


def _event(batch: Batch, rule: Record, actor: str) -> NewEvent:
    account: UUID | None = rule["account_id"]
    data: dict[str, Any] = {
        "rule": str(rule["id"]),
        "kind": rule["kind"],
        "account": None if account is None else str(account),
        "instrument": rule["instrument_id"],
    }
    # A closed account's story is over; that a rule about it ended is then the house's.
    book = batch.journal.house if rule["closed"] else rule["book_id"]
    return NewEvent(book, EventType.RISK_RULE_ENDED, actor, batch.effective_at, correlation=rule["id"], data=data)


def _no_reason(code: EndRuleError | ReleaseError, reason: str) -> Refusal:
    return Refusal(code, f"Say why, in 1 to {MAX_REASON} printable characters, got {len(reason)}.", "reason")


_COLUMNS = "SELECT r.*, b.closed FROM risk_rule r JOIN ledger.book b ON b.id = r.book_id WHERE r.tenant_id = $1"
_FIND = f"{_COLUMNS} AND r.id = ANY ($2)"
_ENGAGED = f"{_COLUMNS} AND r.ended_at IS NULL AND r.kind = $2 ORDER BY r.id"
