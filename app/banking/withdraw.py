"""Withdrawals over the sandbox rail, which leaves at once."""

from collections.abc import Sequence
from uuid import UUID

from app.banking.types import CashError, CashMovement, declined
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.ledger.cash_postings import withdrawal
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry, Refused


async def withdraw(batch: Batch, commands: Sequence[CashMovement]) -> list[UUID | Refusal]:
    """Post each withdrawal of settled cash; answers its correlation id. Refused while the customer owes us."""
    owed = await owed_by_book(batch.connection, [command.book for command in commands])
    ids = [new_id() for _ in commands]
    answers: list[UUID | Refusal] = [
        _owes(owed[command.book]) if command.book in owed else id_ for id_, command in zip(ids, commands, strict=True)
    ]
    asked = [(index, command) for index, command in enumerate(commands) if not isinstance(answers[index], Refusal)]
    entries = [
        Entry(
            NewEvent(command.book, EventType.WITHDRAWAL, command.actor, batch.effective_at, correlation=ids[index]),
            withdrawal(batch.journal, command.book, command.amount),
        )
        for index, command in asked
    ]
    for (index, command), verdict in zip(asked, await batch.post(entries), strict=True):
        if isinstance(verdict, Refused):
            answers[index] = declined(command, verdict)
    return answers


def _owes(debt: int) -> Refusal:
    return Refusal(
        CashError.INSUFFICIENT_FUNDS,
        f"The account owes {to_text(debt)}; deposit that before you withdraw.",
        "amount",
    )
