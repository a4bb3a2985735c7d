"""What customers owe: a fact that cost more than they had left a receivable."""

from collections.abc import Sequence

from app.infra.database import EngineConnection
from app.kernel.money import to_units
from app.ledger.chart import USD, Kind, address, book_of


async def owed_by_book(connection: EngineConnection, books: Sequence[int]) -> dict[int, int]:
    """Units owed by each book that owes any. Read it under the journal's lock to act on it."""
    rows = await connection.fetch(
        "SELECT id, -balance FROM ledger.account WHERE id = ANY ($1) AND balance < 0",
        [address(book, USD, Kind.RECEIVABLE) for book in books],
    )
    return {book_of(account): to_units(owed) for account, owed in rows}
