"""Who has shares of an instrument now, customers in chunks and the house."""

from dataclasses import dataclass

from app.kernel.money import to_units
from app.ledger.chart import Kind, address
from app.ledger.commit import Batch


@dataclass(frozen=True, slots=True)
class Holder:
    """A book with shares, or with shares that it owes (zero or negative)."""

    book: int
    held: int
    owed: int

    @property
    def total(self) -> int:
        return self.held + self.owed


async def next_holders(batch: Batch, instrument_id: int, after: int, most: int) -> list[Holder]:
    """The next ``most`` customers' books past ``after``."""
    rows = await batch.connection.fetch(
        "SELECT book_id, coalesce(sum(balance) FILTER (WHERE kind = $5), 0) AS held,"
        " coalesce(sum(balance) FILTER (WHERE kind = $6), 0) AS owed FROM ledger.account"
        " WHERE journal_id = $1 AND asset_id = $2 AND kind IN ($5, $6) AND balance <> 0 AND book_id > $3"
        " GROUP BY book_id ORDER BY book_id LIMIT $4",
        *(batch.journal.id, instrument_id, after, most, Kind.POSITION, Kind.RECEIVABLE),
    )
    return [Holder(row["book_id"], to_units(row["held"]), to_units(row["owed"])) for row in rows]


async def the_house(batch: Batch, instrument_id: int) -> Holder:
    """What the house has of it, and owes."""
    house = batch.journal.house
    kinds = [address(house, instrument_id, kind) for kind in (Kind.INVENTORY, Kind.SHORT)]
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", kinds)
    found = {row["id"]: to_units(row["balance"]) for row in rows}
    return Holder(house, *(found.get(each, 0) for each in kinds))
