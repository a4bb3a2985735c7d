"""Proposing a journal by hand, or the reversal of an entry. Nothing moves until another operator approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.accounting.end import end_void, told
from app.accounting.errors import JournalError
from app.accounting.lines import legs_of
from app.accounting.reverse import reversible
from app.accounting.rows import kept_lines
from app.accounting.types import JournalKind, JournalStatus, Line
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.texts import is_text
from app.ledger.batch import Batch
from app.ledger.types import Entry, Leg

#: The most characters that a reason may have.
MAX_REASON: Final = 500
#: What nobody has decided about after so long is void.
STANDS_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ProposeJournal:
    """Lines to post. They concern at most one customer, so that everything stands in the story of whose it is; only a
    transfer has another one, to whose account (``to_account_id``, ``to_book``) it goes.

    ``effective_at`` (market time) may lie in the past; None: when it is posted.
    """

    lines: Sequence[Line]
    reason: str
    actor: str
    account_id: UUID | None = None
    book: int | None = None
    effective_at: datetime | None = None
    kind: JournalKind = JournalKind.ADJUSTMENT
    to_account_id: UUID | None = None
    to_book: int | None = None


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
    legs = legs_of(command.kind, command.lines, batch.journal, command.book, command.to_book)
    if isinstance(legs, Refusal):
        return legs
    if refusal := await _refusal(batch, command.reason, command.effective_at):
        return refusal
    book = batch.journal.house if command.book is None else command.book
    for whose, path in ((book, "accountId"), (command.to_book, "toAccountId")):
        if whose is not None and (refusal := await _not_open(batch, whose, command.effective_at, path)):
            return refusal
    return await _write(batch, command.kind, command, command.account_id, book, legs, None)


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


async def _not_open(batch: Batch, book: int, effective_at: datetime | None, path: str) -> Refusal | None:
    """Why nothing can be posted to the book as of then: it was opened later, or is closed."""
    row = await batch.connection.fetchrow(_BOOK, book)
    assert row is not None, "who asks has seen it"
    opened = row["opened"]
    if effective_at is not None and opened is not None and effective_at < opened:
        message = (
            f"The account was opened on {opened.isoformat()}, so nothing can take effect in it on"
            f" {effective_at.isoformat()}. Give a later time."
        )
        return Refusal(JournalError.EFFECTIVE_AT_INVALID, message, "effectiveAt")
    if row["closed"]:
        return Refusal(
            JournalError.ACCOUNT_CLOSED, "The account is closed: nothing can be posted to it any more.", path
        )
    return None


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
    to = (command.to_account_id, command.to_book) if isinstance(command, ProposeJournal) else (None, None)
    await batch.connection.execute(
        _INSERT,
        id_,
        batch.journal.tenant_id,
        batch.journal.id,
        kind.value,
        JournalStatus.PROPOSED.value,
        account_id,
        book,
        *to,
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
INSERT INTO manual_journal (id, tenant_id, journal_id, kind, status, account_id, book_id, to_account_id,
  to_book_id, lines, reverses, reason, effective_at, proposed_by, proposed_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""

#: A customer's book begins with its opening.
_BOOK = """
SELECT b.closed, CASE WHEN b.kind = 'customer' THEN e.effective_at END AS opened
FROM ledger.book b LEFT JOIN ledger.event e ON e.book_id = b.id AND e.sequence = 1 WHERE b.id = $1
"""
