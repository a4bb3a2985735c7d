"""What can be wrong with a log's head, snapshots and rows: each check names the first thing, or answers None."""

from collections.abc import Mapping
from decimal import Decimal

from app.infra.database import EngineConnection
from app.kernel.money import to_text, to_units
from app.ledger.adding_up import Stand, describe


async def head_contradicts(connection: EngineConnection, journal_id: int) -> str | None:
    """Whether the log begins and ends where the journal's head says, at the times that it says, and snapshots stand
    only where an audit or an archive put them."""
    row = await connection.fetchrow(_HEAD, journal_id)
    if row is None or row["position"] == 0:
        return None
    if row["left"] is not None:
        return f"position {row['left']} is said to be archived, and is still in the log"
    if row["past"] is not None:
        return f"position {row['past']} is in the log, which ends at {row['position']}"
    if not row["same"]:
        return f"position {row['position']}: the journal's head has other times than its last event"
    if row["made_up"] is not None:
        return f"position {row['made_up']}: there is a snapshot that no audit wrote"
    return None


async def rows_contradict(
    connection: EngineConnection, journal_id: int, stands: Mapping[int, Stand], accounts: list[int]
) -> str | None:
    """Whether these accounts' rows say what the log says of them (``stands``), and are what their ids say."""
    rows = await connection.fetch(_ROWS, journal_id, accounts)
    missing = stands.keys() - {row["id"] for row in rows}
    if missing:
        return f"{describe(min(missing))} is in the log but has no row"
    for row in rows:
        account, found = row["id"], stands.get(row["id"], (0, 0))
        if not row["is_itself"]:
            return f"the row of account {account} is not that of {describe(account)}"
        if (row["sequence"], units(row["balance"])) != found:
            return f"{describe(account)} stands at {row['balance']}, the log says {to_text(found[1])}"
        if row["events"] is not None and row["events"] != row["book_sequence"]:
            return f"book {account >> 25} counts {row['book_sequence']} events, its last one is {row['events']}"
    return None


def units(figure: Decimal) -> int | None:
    """A figure of the database in units; None for one that is none."""
    return to_units(figure) if figure.is_finite() else None


_HEAD = """
SELECT h.position, e.recorded_at = h.recorded_at AND e.latest_effective_at = h.effective_at AS same,
  (SELECT min(position) FROM ledger.event WHERE journal_id = $1 AND position <= h.archived) AS left,
  (SELECT min(position) FROM ledger.event WHERE journal_id = $1 AND position > h.position) AS past,
  (SELECT min(position) FROM ledger.snapshot
   WHERE journal_id = $1 AND position > h.archived AND sequence % 1000 <> 0) AS made_up
FROM ledger.journal_head h LEFT JOIN ledger.event e ON e.journal_id = $1 AND e.position = h.position
WHERE h.journal_id = $1
"""
_ROWS = """
SELECT a.id, a.sequence, a.balance, b.sequence AS book_sequence,
  a.journal_id = $1 AND a.book_id = a.id >> 25 AND a.asset_id = (a.id >> 5) & 1048575 AND a.kind = a.id & 31
    AND a.closed = b.closed AND a.may_be_negative = k.may_be_negative
    AND (k.may_be_negative OR a.balance >= 0) AS is_itself,
  (SELECT max(sequence) FROM ledger.event e WHERE e.journal_id = $1 AND e.book_id = b.id) AS events
FROM ledger.account a JOIN ledger.account_kind k ON k.id = a.id & 31 JOIN ledger.book b ON b.id = a.id >> 25
WHERE a.id = ANY ($2) ORDER BY a.id
"""
