"""Deciding about a journal by hand: approved by another operator it is posted; otherwise it is void in the end.

What the ledger declines stays proposed: nothing has changed, and it can be approved later or rejected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from app.accounting.end import ENGINE, end
from app.accounting.errors import JournalError
from app.accounting.propose import MAX_REASON
from app.accounting.reverse import Reversible, reversible
from app.accounting.rows import journal_from
from app.accounting.types import EVENT_TYPES, JournalKind, JournalStatus, ManualJournal
from app.kernel.errors import Refusal, Shortage
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text, to_units
from app.kernel.texts import is_text
from app.ledger.batch import Batch
from app.ledger.cash_postings import reversal, transfer_in, transfer_out
from app.ledger.chart import USD, Kind, address, asset_of, book_of, kind_of
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry, Leg, RefusalReason, Refused
from app.orders.old_terms import changed_since

#: So many expired proposals are marked in one commit.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Decide:
    """What ``actor`` makes of a proposal; ``note`` says why, where that needs to be said."""

    journal_id: UUID
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ExpireJournals:
    """Mark what nobody has decided about in time."""


async def approve(batch: Batch, commands: Sequence[Decide]) -> list[UUID | Refusal]:
    """Post each, if somebody else proposed it; answers its id."""
    return [await _approve(batch, command) for command in commands]


async def reject(batch: Batch, commands: Sequence[Decide]) -> list[UUID | Refusal]:
    """End each with the reason why it shall not be."""
    return [await _void(batch, command, JournalStatus.REJECTED) for command in commands]


async def withdraw_journals(batch: Batch, commands: Sequence[Decide]) -> list[UUID | Refusal]:
    """End each, by who proposed it."""
    return [await _void(batch, command, JournalStatus.WITHDRAWN) for command in commands]


async def expire_journals(batch: Batch, commands: Sequence[ExpireJournals]) -> list[int]:
    """End what nobody has decided about in time; answers how many."""
    rows = await batch.connection.fetch(_EXPIRED, batch.journal.id, batch.recorded_at, CHUNK)
    for row in rows:
        await end(batch, journal_from(row), JournalStatus.EXPIRED, ENGINE, None, None)
    return [len(rows)] * len(commands)


async def _approve(batch: Batch, command: Decide) -> UUID | Refusal:
    journal = await _open(batch, command.journal_id)
    if isinstance(journal, Refusal):
        return journal
    if journal.proposed_by == command.actor:
        message = "You proposed it yourself; somebody else must look at it. You may withdraw it."
        return Refusal(JournalError.FOUR_EYES, message, "journalId")
    entries = await _entries(batch, journal, command.actor)
    if isinstance(entries, Refusal):
        return entries
    [verdict] = await batch.post(entries[:1])
    if isinstance(verdict, Refused):
        return await _declined(batch, verdict)
    await batch.post_facts(entries[1:])
    await end(batch, journal, JournalStatus.POSTED, command.actor, None, verdict.position)
    return journal.id


async def _void(batch: Batch, command: Decide, status: JournalStatus) -> UUID | Refusal:
    journal = await _open(batch, command.journal_id)
    if isinstance(journal, Refusal):
        return journal
    if status is JournalStatus.WITHDRAWN and journal.proposed_by != command.actor:
        message = f"{journal.proposed_by} proposed it and alone may withdraw it; you may reject it."
        return Refusal(JournalError.NOT_YOURS, message, "journalId")
    if status is JournalStatus.REJECTED and not is_text(command.note, MAX_REASON):
        message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(command.note)}."
        return Refusal(JournalError.REASON_INVALID, message, "reason")
    await end(batch, journal, status, command.actor, command.note.strip() or None, None)
    return journal.id


async def _open(batch: Batch, id_: UUID) -> ManualJournal | Refusal:
    row = await batch.connection.fetchrow(
        "SELECT * FROM manual_journal WHERE id = $1 AND journal_id = $2", id_, batch.journal.id
    )
    assert row is not None, "who asks has seen it"
    journal = journal_from(row)
    overdue = journal.expires_at <= batch.recorded_at
    if journal.status is not JournalStatus.PROPOSED or overdue:
        status = JournalStatus.EXPIRED if journal.status is JournalStatus.PROPOSED else journal.status
        message = f"It is {status.lower()} already; propose a new one if it is still needed."
        return Refusal(JournalError.NOT_OPEN, message, "journalId")
    return journal


async def _entries(batch: Batch, journal: ManualJournal, actor: str) -> Sequence[Entry] | Refusal:
    """What it is posted as. Only the first may be declined; what follows happened with it."""
    owed = await owed_by_book(batch.connection, [journal.book_id, journal.to_book_id or journal.book_id])
    told = _told(batch, journal, actor)
    if journal.kind is JournalKind.TRANSFER:
        return await _transfer(batch, journal, told, owed)
    if journal.kind is JournalKind.REVERSAL:
        return await _reversal(batch, journal, told, owed.get(journal.book_id, 0))
    if refusal := _too_much_repaid(journal, owed.get(journal.book_id, 0)):
        return refusal
    if await changed_since(batch, {asset_of(leg.debit) for leg in journal.lines}, journal.proposed_at):
        message = (
            "A split or merger has changed the shares since it was proposed, so the number would be wrong. Reject"
            " it, and propose a journal over as many shares as they are now."
        )
        return Refusal(JournalError.NOT_OPEN, message, "journalId")
    return [Entry(told, journal.lines)]


def _told(batch: Batch, journal: ManualJournal, actor: str) -> NewEvent:
    return NewEvent(
        journal.book_id,
        EVENT_TYPES[journal.kind],
        actor,
        journal.effective_at or batch.effective_at,
        correlation=journal.id,
        data={"journal": str(journal.id), "proposed_by": journal.proposed_by},
    )


async def _transfer(
    batch: Batch, journal: ManualJournal, told: NewEvent, owed: Mapping[int, int]
) -> Sequence[Entry] | Refusal:
    """An entry in the story of each of the two customers."""
    assert journal.to_book_id is not None, "a transfer says where it goes"
    if debt := owed.get(journal.book_id):
        message = f"The customer owes {to_text(debt)}: nothing goes to others before. It stays proposed."
        return Refusal(JournalError.INSUFFICIENT, message, "journalId")
    if await batch.connection.fetchval("SELECT closed FROM ledger.book WHERE id = $1", journal.to_book_id):
        message = "The account that it goes to is closed: nothing can be posted to it any more. Reject the journal."
        return Refusal(JournalError.ACCOUNT_CLOSED, message, "journalId")
    amount = sum(line.amount for line in journal.lines)
    received = transfer_in(batch.journal, journal.to_book_id, amount, owed.get(journal.to_book_id, 0))
    return [
        Entry(told, transfer_out(batch.journal, journal.book_id, amount)),
        Entry(told._replace(book=journal.to_book_id), received),
    ]


async def _reversal(batch: Batch, journal: ManualJournal, told: NewEvent, owed: int) -> Sequence[Entry] | Refusal:
    assert journal.reverses is not None, "a reversal says what it reverses"
    found = await reversible(batch, journal.reverses, by=journal.id)
    if isinstance(found, Refusal):
        return found
    data = {**told.data, "reverses": found.position, "type": found.type}
    event = told._replace(cause=found.correlation, data=data)
    legs = reversal(found.moved, found.book, owed)
    if found.type is EventType.INTEREST and (lent := await _not_settled(batch, found)):
        # What the customer has not got any more is a debt to the firm: other customers' money must not leave for it.
        outside = batch.journal.outside
        legs.append(Leg(address(outside, USD, Kind.FBO), address(outside, USD, Kind.FIRM_BANK), lent))
    return [Entry(event, legs)]


async def _not_settled(batch: Batch, found: Reversible) -> int:
    """Of the settled money that the entry brought, how much is not there any more."""
    settled = address(found.book, USD, Kind.SETTLED)
    brought = sum(leg.amount for leg in found.moved if leg.credit == settled)
    balance = await batch.connection.fetchval("SELECT balance FROM ledger.account WHERE id = $1", settled)
    return max(0, brought - to_units(balance or Decimal()))


def _too_much_repaid(journal: ManualJournal, owed: int) -> Refusal | None:
    receivable = address(journal.book_id, USD, Kind.RECEIVABLE)
    repaid = sum(leg.amount for leg in journal.lines if leg.credit == receivable)
    new_debt = sum(leg.amount for leg in journal.lines if leg.debit == receivable)
    if repaid <= owed + new_debt:
        return None
    message = f"The customer owes {to_text(owed)}, so {to_text(repaid)} can't be made good; credit SETTLED instead."
    return Refusal(JournalError.MORE_THAN_OWED, message, "journalId")


async def _declined(batch: Batch, verdict: Refused) -> Refusal:
    """The ledger's refusal in words."""
    if verdict.reason is RefusalReason.CLOSED or verdict.account is None:
        message = "The account is closed: nothing can be posted to it any more. Reject the journal."
        return Refusal(JournalError.ACCOUNT_CLOSED, message, "journalId")
    kind, asset = kind_of(verdict.account), asset_of(verdict.account)
    code = await batch.connection.fetchval("SELECT code FROM ledger.asset WHERE id = $1", asset)
    message = (
        f"{kind.name} has {to_text(verdict.available)} {code}, and {to_text(verdict.shortage)} is lacking; it stays"
        " proposed, so approve it when there is enough, or reject it."
    )
    shortage = Shortage(book_of(verdict.account), asset, verdict.needed, verdict.available)
    return Refusal(JournalError.INSUFFICIENT, message, "journalId", shortage=shortage)


_EXPIRED = """
SELECT * FROM manual_journal WHERE journal_id = $1 AND status = 'PROPOSED' AND expires_at <= $2 ORDER BY id LIMIT $3
"""
