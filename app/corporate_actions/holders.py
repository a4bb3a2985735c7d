"""Who has shares of an instrument now, customers in chunks and the house."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kernel.money import to_units
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address


@dataclass(frozen=True, slots=True)
class Holder:
    """A book with shares, or with shares that it owes (zero or negative)."""

    book: int
    held: int
    owed: int

    @property
    def total(self) -> int:
        return self.held + self.owed


async def next_books(batch: Batch, instrument_id: int, after: int, most: int) -> list[int]:
    """The next ``most`` customers' books past ``after`` that have, owe or ever had some: fewer when these are the last.

    Whoever deals with them in chunks looks at each book once, however many there are.
    """
    rows = await batch.connection.fetch(_BOOKS, batch.journal.id, instrument_id, after, most)
    return [row["book_id"] for row in rows]


async def holders_among(batch: Batch, instrument_id: int, books: Sequence[int]) -> list[Holder]:
    """Those of the books that have or owe some now."""
    held, owed = (
        {address(book, instrument_id, kind): book for book in books} for kind in (Kind.POSITION, Kind.RECEIVABLE)
    )
    found = await _balances(batch, [*held, *owed])
    holders = [
        Holder(book, found.get(have, 0), found.get(owe, 0))
        for (have, book), owe in zip(held.items(), owed, strict=True)
    ]
    return [each for each in holders if each.held or each.owed]


async def the_house(batch: Batch, instrument_id: int) -> Holder:
    """What the house has of it, and owes."""
    house = batch.journal.house
    kinds = [address(house, instrument_id, kind) for kind in (Kind.INVENTORY, Kind.SHORT)]
    found = await _balances(batch, kinds)
    return Holder(house, *(found.get(each, 0) for each in kinds))


async def _balances(batch: Batch, accounts: Sequence[int]) -> dict[int, int]:
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", accounts)
    return {row["id"]: to_units(row["balance"]) for row in rows}


_BOOKS = """
SELECT DISTINCT book_id FROM ledger.account
WHERE journal_id = $1 AND asset_id = $2 AND kind IN (6, 7, 9) AND book_id > $3 ORDER BY book_id LIMIT $4
"""
