"""Closing an account that has nothing left in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.clients.types import Account, AccountStatus
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.ledger.books import close_book
from app.ledger.commit import Batch
from app.ledger.types import Entry, Refused


class CloseAccountError(StrEnum):
    """Why an account was not closed."""

    ALREADY_CLOSED = "ALREADY_CLOSED"
    NOT_EMPTY = "NOT_EMPTY"


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """The owner ends the account."""

    account: Account
    actor: str


async def close_accounts(batch: Batch, commands: Sequence[CloseAccount]) -> list[UUID | Refusal]:
    """Close each; refused while money, shares or held amounts are left in it."""
    return [await _close(batch, command) for command in commands]


async def _close(batch: Batch, command: CloseAccount) -> UUID | Refusal:
    account = command.account
    if not await _is_empty(batch, account):
        return Refusal(
            CloseAccountError.NOT_EMPTY,
            f"Account {account.id} still holds money, shares or debts; move them first.",
            "accountId",
        )
    event = NewEvent(
        account.book_id, EventType.ACCOUNT_CLOSED, command.actor, batch.effective_at, correlation=account.id
    )
    [verdict] = await batch.post([Entry(event)])
    if isinstance(verdict, Refused):
        return Refusal(CloseAccountError.ALREADY_CLOSED, f"Account {account.id} is closed already.", "accountId")
    await close_book(batch.connection, batch.journal.id, account.book_id)
    await batch.connection.execute("UPDATE account SET status = $2 WHERE id = $1", account.id, AccountStatus.CLOSED)
    return account.id


async def _is_empty(batch: Batch, account: Account) -> bool:
    left = "SELECT NOT EXISTS (SELECT 1 FROM ledger.account WHERE book_id = $1 AND balance <> 0)"
    return await batch.connection.fetchval(left, account.book_id) is True
