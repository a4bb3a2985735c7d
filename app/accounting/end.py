"""The end of a journal by hand: written down, and unless it was posted told in the house's stream."""

from typing import Any
from uuid import UUID

from app.accounting.rows import journal_from
from app.accounting.types import JournalKind, JournalStatus, ManualJournal
from app.kernel.events import EventType, NewEvent
from app.ledger.batch import Batch
from app.ledger.types import Entry

ENGINE = "engine"


async def end(
    batch: Batch, journal: ManualJournal, status: JournalStatus, actor: str, note: str | None, position: int | None
) -> None:
    """It is over: posted as the entry at ``position``, or void."""
    await batch.connection.execute(
        "UPDATE manual_journal SET status = $2, decided_by = $3, decided_at = $4, decision = $5, position = $6"
        " WHERE id = $1",
        journal.id,
        status.value,
        actor,
        batch.recorded_at,
        note,
        position,
    )
    if status is not JournalStatus.POSTED:
        event = told(batch, EventType(f"MANUAL_JOURNAL_{status}"), journal.id, actor, journal.kind)
        await batch.post_facts([Entry(event)])


async def end_void(batch: Batch, reverses: int) -> None:
    """End the proposal to reverse an entry that nobody decided about in time, if the job has not done so yet."""
    row = await batch.connection.fetchrow(_VOID, batch.journal.id, reverses, batch.recorded_at)
    if row is not None:
        await end(batch, journal_from(row), JournalStatus.EXPIRED, ENGINE, None, None)


def told(batch: Batch, type_: EventType, id_: UUID, actor: str, kind: JournalKind) -> NewEvent:
    """An event of the house's stream about a proposal. What people wrote stays in the row."""
    data: dict[str, Any] = {"journal": str(id_), "kind": kind}
    return NewEvent(batch.journal.house, type_, actor, batch.effective_at, correlation=id_, data=data)


_VOID = """
SELECT * FROM manual_journal
WHERE journal_id = $1 AND reverses = $2 AND status = 'PROPOSED' AND expires_at <= $3
"""
