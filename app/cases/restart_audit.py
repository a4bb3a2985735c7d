"""Having the log added up again: what was wrong is mended, and a person says so with their name and a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.cases.open import note_if_open
from app.cases.types import MAX_NOTE, CaseKind, Subject, SubjectType
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.texts import is_text
from app.ledger import audit
from app.ledger.batch import Batch
from app.ledger.types import Entry


class RestartAuditError(StrEnum):
    """Why the audit was not begun again."""

    REASON_INVALID = "REASON_INVALID"


@dataclass(frozen=True, slots=True)
class RestartAudit:
    """Prove everything again from where the log begins."""

    reason: str
    actor: str


async def restart_audits(batch: Batch, commands: Sequence[RestartAudit]) -> list[UUID | Refusal]:
    """Begin the audit again; what disagreed is forgotten until it is found again. Answers what the event goes by.

    The reason is noted on the case about the disagreement, if one is open: events can't be unsaid.
    """
    return [await _restart(batch, command) for command in commands]


async def _restart(batch: Batch, command: RestartAudit) -> UUID | Refusal:
    if not is_text(command.reason, MAX_NOTE):
        message = f"Say why, in 1 to {MAX_NOTE} printable characters, got {len(command.reason)}."
        return Refusal(RestartAuditError.REASON_INVALID, message, "reason")
    id_, journal = new_id(), batch.journal
    was = await batch.connection.fetchrow(
        "SELECT proven, disagreement FROM ledger.audit WHERE journal_id = $1", journal.id
    )
    assert was is not None, f"journal {journal.id} was opened without an audit"
    data = {"proven": was["proven"], "disagreed": was["disagreement"] is not None}
    event = NewEvent(
        journal.house, EventType.AUDIT_RESTARTED, command.actor, batch.effective_at, correlation=id_, data=data
    )
    await batch.post_facts([Entry(event)])
    about = CaseKind.LOG_DISAGREES, Subject(SubjectType.TENANT, journal.tenant_id)
    text = f"The audit begins again: {command.reason.strip()}"
    await note_if_open(batch, [about], command.actor, text)
    await audit.restart(batch.connection, journal.id, batch.recorded_at)
    return id_
