"""Proposing a journal by hand, or the reversal of an entry. Nothing moves until another operator approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.accounting.end import end_void, told
from app.accounting.errors import JournalError
from app.accounting.lines import Line, legs_of
from app.accounting.reverse import reversible
from app.accounting.rows import kept_lines
from app.accounting.types import JournalKind, JournalStatus
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.texts import is_text
from app.ledger.commit import Batch
from app.ledger.types import Entry, Leg

#: The most characters that a reason may have.
MAX_REASON: Final = 500
#: What nobody has decided about after so long is void.
STANDS_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ProposeJournal:
    """Lines to post. They concern at most one customer, so that everything stands in the story of whose it is.

    ``effective_at`` (market time) may lie in the past; None: when it is posted.
    """

    lines: Sequence[Line]
    reason: str
    actor: str
    account_id: UUID | None = None
    book: int | None = None
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProposeReversal:
    """The entry at a position shall be taken back."""

    position: int
    reason: str
    actor: str
    effective_at: datetime | None = None


async def propose_journals(batch: Batch, commands: Sequence[ProposeJournal]) -> list[UUID | Refusal]:
    """Write each down; answers its id."""
    return [await _propose_journal(batch, command) for command in commands]


async def propose_reversals(batch: Batch, commands: Sequence[ProposeReversal]) -> list[UUID | Refusal]:
    """Write each down; answers its id. Refused for entries that have a way of their own, or are reversed already."""
    return [await _propose_reversal(batch, command) for command in commands]


async def _propose_journal(batch: Batch, command: ProposeJournal) -> UUID | Refusal:
    legs = legs_of(command.lines, batch.journal, command.book)
    if isinstance(legs, Refusal):
        return legs
    if refusal := await _refusal(batch, command.reason, command.effective_at):
        return refusal
    if refusal := await _before_it_was_opened(batch, command):
        return refusal
    book = batch.journal.house if command.book is None else command.book
    closed = await batch.connection.fetchval("SELECT closed FROM ledger.book WHERE id = $1", book)
    if closed:
        message = "The account is closed: nothing can be posted to it any more."
        return Refusal(JournalError.ACCOUNT_CLOSED, message, "accountId")
    return await _write(batch, JournalKind.JOURNAL, command, command.account_id, book, legs, None)


async def _propose_reversal(batch: Batch, command: ProposeReversal) -> UUID | Refusal:
    found = await reversible(batch, command.position)
    if isinstance(found, Refusal):
        return found
    if refusal := await _refusal(batch, command.reason, command.effective_at):
        return refusal
    if command.effective_at is not None and command.effective_at < found.effective_at:
        message = (
            f"The entry took effect on {found.effective_at.isoformat()}; taken back before that, on"
            f" {command.effective_at.isoformat()}, it would be undone before it was. Give that time or a later one."
        )
        return Refusal(JournalError.EFFECTIVE_AT_INVALID, message, "effectiveAt")
    account_id = await batch.connection.fetchval(
        "SELECT reference FROM ledger.book WHERE id = $1 AND kind = 'customer'", found.book
    )
    await end_void(batch, command.position)
    lines = [Leg(leg.credit, leg.debit, leg.amount) for leg in reversed(found.moved)]
    return await _write(batch, JournalKind.REVERSAL, command, account_id, found.book, lines, command.position)


async def _refusal(batch: Batch, reason: str, effective_at: datetime | None) -> Refusal | None:
    if not is_text(reason, MAX_REASON):
        message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(reason)}."
        return Refusal(JournalError.REASON_INVALID, message, "reason")
    if effective_at is None:
        return None
    first = await batch.connection.fetchval(
        "SELECT effective_at FROM ledger.event WHERE journal_id = $1 ORDER BY position LIMIT 1", batch.journal.id
    )
    if effective_at.tzinfo is None or effective_at > batch.effective_at or first is None or effective_at < first:
        begun = "have not begun yet" if first is None else f"begin on {first.isoformat()}"
        message = (
            f"It must take effect by {batch.effective_at.isoformat()}, the market's time, and the books {begun};"
            f" got {effective_at.isoformat()}. Give a time with its offset from UTC."
        )
        return Refusal(JournalError.EFFECTIVE_AT_INVALID, message, "effectiveAt")
    return None


async def _before_it_was_opened(batch: Batch, command: ProposeJournal) -> Refusal | None:
    if command.effective_at is None or command.book is None:
        return None
    opened: datetime | None = await batch.connection.fetchval(
        "SELECT effective_at FROM ledger.event WHERE book_id = $1 AND sequence = 1", command.book
    )
    if opened is None or command.effective_at >= opened:
        return None
    message = (
        f"The account was opened on {opened.isoformat()}, so nothing can take effect in it on"
        f" {command.effective_at.isoformat()}. Give a later time."
    )
    return Refusal(JournalError.EFFECTIVE_AT_INVALID, message, "effectiveAt")


async def _write(
    batch: Batch,
    kind: JournalKind,
    command: ProposeJournal | ProposeReversal,
    account_id: UUID | None,
    book: int,
    lines: Sequence[Leg],
    reverses: int | None,
) -> UUID:
    id_ = new_id()
    await batch.connection.execute(
        _INSERT,
        id_,
        batch.journal.tenant_id,
        batch.journal.id,
        kind.value,
        JournalStatus.PROPOSED.value,
        account_id,
        book,
        kept_lines(lines),
        reverses,
        command.reason.strip(),
        command.effective_at,
        command.actor,
        batch.recorded_at,
        batch.recorded_at + STANDS_FOR,
    )
    await batch.post_facts([Entry(told(batch, EventType.MANUAL_JOURNAL_PROPOSED, id_, command.actor, kind))])
    return id_


_INSERT = """
INSERT INTO manual_journal (id, tenant_id, journal_id, kind, status, account_id, book_id, lines, reverses, reason,
  effective_at, proposed_by, proposed_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
