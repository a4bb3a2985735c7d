"""Deposits over the sandbox rail, which settles at once."""

from collections.abc import Sequence
from uuid import UUID

from app.banking.types import CashMovement, declined
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.cash_postings import deposit as legs_of_deposit
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry, Refused


async def deposit(batch: Batch, commands: Sequence[CashMovement]) -> list[UUID | Refusal]:
    """Post each deposit; answers its correlation id, by which the journal entry is found."""
    owed = await owed_by_book(batch.connection, [command.book for command in commands])
    ids = [new_id() for _ in commands]
    entries = []
    for id_, command in zip(ids, commands, strict=True):
        debt = owed.get(command.book, 0)
        event = NewEvent(command.book, EventType.DEPOSIT, command.actor, batch.effective_at, correlation=id_)
        entries.append(Entry(event, legs_of_deposit(batch.journal, command.book, command.amount, debt)))
        owed[command.book] = max(0, debt - command.amount)
    verdicts = await batch.post(entries)
    return [
        declined(command, verdict) if isinstance(verdict, Refused) else id_
        for id_, command, verdict in zip(ids, commands, verdicts, strict=True)
    ]
