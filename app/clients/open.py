"""Opening an account: a book in the ledger, the account, and the first event of its story, in one commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.clients.types import AccountStatus
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.books import open_books
from app.ledger.chart import BookKind
from app.ledger.types import Entry

MAX_NAME = 60


class OpenAccountError(StrEnum):
    """Why an account was not opened."""

    NAME_INVALID = "NAME_INVALID"


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """A user wants an account; ``name`` is how they call it ("Rainy days"), never personal data."""

    owner_id: UUID
    name: str
    actor: str


def check(command: OpenAccount) -> None:
    """Raises a ``Refusal`` for a name that is empty, too long or not printable."""
    if not 1 <= len(command.name.strip()) <= MAX_NAME or not command.name.isprintable():
        raise Refusal(
            OpenAccountError.NAME_INVALID,
            f"The name must have 1 to {MAX_NAME} printable characters, got {len(command.name)}; choose another.",
            "name",
        )


async def open_accounts(batch: Batch, commands: Sequence[OpenAccount]) -> list[UUID]:
    """Open them all; answers the new accounts' ids."""
    ids = [new_id() for _ in commands]
    books = await open_books(batch.connection, batch.journal.id, BookKind.CUSTOMER, ids)
    await batch.connection.executemany(
        "INSERT INTO account (id, tenant_id, owner_id, name, status, journal_id, book_id, opened_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                id_,
                batch.journal.tenant_id,
                each.owner_id,
                each.name.strip(),
                AccountStatus.ACTIVE,
                batch.journal.id,
                book,
                batch.recorded_at,
            )
            for id_, each, book in zip(ids, commands, books, strict=True)
        ],
    )
    await batch.post_facts(
        [
            Entry(
                NewEvent(
                    book,
                    EventType.ACCOUNT_OPENED,
                    each.actor,
                    batch.effective_at,
                    correlation=id_,
                    data={"account": str(id_)},
                )
            )
            for id_, each, book in zip(ids, commands, books, strict=True)
        ]
    )
    return ids
