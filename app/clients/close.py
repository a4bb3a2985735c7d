"""Closing an account that has nothing left in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.clients.types import Account, AccountStatus
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text, to_units
from app.ledger.batch import Batch
from app.ledger.books import close_book
from app.ledger.chart import Kind
from app.ledger.types import Entry, Refused


class CloseAccountError(StrEnum):
    """Why an account was not closed."""

    ALREADY_CLOSED = "ALREADY_CLOSED"
    NOT_EMPTY = "NOT_EMPTY"
    OPEN_ORDERS = "OPEN_ORDERS"
    DIVIDEND_COMING = "DIVIDEND_COMING"


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """The owner ends the account."""

    account: Account
    actor: str


async def close_accounts(batch: Batch, commands: Sequence[CloseAccount]) -> list[UUID | Refusal]:
    """Close each; refused while money, shares or debts are left in it, saying which."""
    return [await _close(batch, command) for command in commands]


async def _close(batch: Batch, command: CloseAccount) -> UUID | Refusal:
    account = command.account
    if left := await _left(batch, account):
        message = f"The account is not empty: {left}. Cancel what is open, sell, settle and withdraw first."
        return Refusal(CloseAccountError.NOT_EMPTY, message, "accountId")
    event = NewEvent(
        account.book_id, EventType.ACCOUNT_CLOSED, command.actor, batch.effective_at, correlation=account.id
    )
    [verdict] = await batch.post([Entry(event)])
    if isinstance(verdict, Refused):
        return Refusal(CloseAccountError.ALREADY_CLOSED, f"Account {account.id} is closed already.", "accountId")
    await close_book(batch.connection, batch.journal.id, account.book_id)
    await batch.connection.execute("UPDATE account SET status = $2 WHERE id = $1", account.id, AccountStatus.CLOSED)
    return account.id


async def _left(batch: Batch, account: Account) -> str:
    """What is left in the account, in words: nothing if it is empty."""
    rows = await batch.connection.fetch(_LEFT, account.book_id, _MOST + 1)
    named = [f"{to_text(to_units(row['balance']))} {row['code']} {_WORDS[Kind(row['kind'])]}" for row in rows[:_MOST]]
    return ", ".join([*named, "and more"] if len(rows) > _MOST else named)


#: So many balances are named.
_MOST: Final = 10

_LEFT = """
SELECT a.balance, s.code, a.kind FROM ledger.account a JOIN ledger.asset s ON s.id = a.asset_id
WHERE a.book_id = $1 AND a.balance <> 0 ORDER BY a.asset_id, a.kind LIMIT $2
"""

_WORDS: Final = {
    Kind.PENDING: "under way from the bank",
    Kind.INSTANT: "advanced",
    Kind.SETTLED: "settled",
    Kind.UNSETTLED: "not settled yet",
    Kind.HELD: "behind open orders",
    Kind.POSITION: "held",
    Kind.POSITION_HELD: "behind open orders",
    Kind.DIVIDEND_DUE: "of dividends due",
    Kind.RECEIVABLE: "owed",
}
