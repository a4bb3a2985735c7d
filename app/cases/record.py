"""Writes what was done with cases: an entry of the case's history and an event of the house's stream each."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.cases.types import CaseAction, CaseKind
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.types import Entry


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done with a case."""

    case_id: UUID
    kind: CaseKind
    action: CaseAction
    actor: str
    note: str = ""
    owner_id: UUID | None = None


async def record(batch: Batch, steps: Sequence[Step]) -> None:
    """Record each step, in order. Notes stay out of the events: people may write names, and events can't be unsaid."""
    await batch.connection.executemany(
        "INSERT INTO case_entry (id, tenant_id, case_id, action, actor, note, owner_id, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                new_id(),
                batch.journal.tenant_id,
                step.case_id,
                step.action.value,
                step.actor,
                step.note,
                step.owner_id,
                batch.recorded_at,
            )
            for step in steps
        ],
    )
    await batch.post_facts([Entry(_event(batch, step)) for step in steps])


def _event(batch: Batch, step: Step) -> NewEvent:
    return NewEvent(
        batch.journal.house,
        EventType(f"CASE_{step.action}"),
        step.actor,
        batch.effective_at,
        correlation=step.case_id,
        data={"case": str(step.case_id), "kind": step.kind},
    )
