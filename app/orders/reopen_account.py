"""Opening an account again that was closed: a deal of it was taken back or corrected, which can't be refused."""

from collections.abc import Sequence

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.clients.types import AccountStatus
from app.kernel.events import EventType, NewEvent
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.progress import ENGINE


async def reopen_closed(batch: Batch, books: Sequence[int]) -> None:
    """Open those of these books' accounts that are closed. Each is a case: its owner may owe something from now on."""
    rows = await batch.connection.fetch(_REOPEN, list(books), AccountStatus.ACTIVE.value, AccountStatus.CLOSED.value)
    if not rows:
        return
    await batch.connection.execute(
        "SELECT ledger.reopen_books($1, $2)", batch.journal.id, [row["book_id"] for row in rows]
    )
    await batch.post_facts(
        [
            Entry(
                NewEvent(
                    row["book_id"],
                    EventType.ACCOUNT_REOPENED,
                    ENGINE,
                    batch.effective_at,
                    correlation=row["id"],
                    data={"reason": "a deal was taken back"},
                )
            )
            for row in rows
        ]
    )
    summary = (
        "The account was closed, and is open again: a venue has taken back or corrected a deal of it. Tell its owner"
        " what is there or owed now; they may close it again once it is empty."
    )
    subjects = [Subject(SubjectType.ACCOUNT, row["id"]) for row in rows]
    await open_cases(batch, [OpenCase(CaseKind.ACCOUNT_REOPENED, each, summary, ENGINE) for each in subjects])


_REOPEN = "UPDATE account SET status = $2 WHERE book_id = ANY ($1) AND status = $3 RETURNING id, book_id"
