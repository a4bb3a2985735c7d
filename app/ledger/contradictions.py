"""What can be wrong with a log's head, snapshots and rows: each check names the first thing, or answers None."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import asyncpg

from app.infra.database import EngineConnection
from app.kernel.money import to_text, to_units
from app.ledger.adding_up import HIGHEST, LOWEST, Snapshot, Stand, describe
from app.ledger.chart import MAY_BE_NEGATIVE

#: As the chart has it, whatever its table says.
_MAY_BE_NEGATIVE: Final = [kind.value for kind in MAY_BE_NEGATIVE]

_AT_ONCE: Final = 1_000


async def head_contradicts(connection: EngineConnection, journal_id: int) -> str | None:
    """Whether the log begins and ends where the journal's head says, at the times that it says, and snapshots stand
    only where an audit or an archive put them."""
    row = await connection.fetchrow(_HEAD, journal_id)
    if row is None:
        return f"journal {journal_id} has no head"
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
    missing = set(stands)
    for some in parts_of(accounts):
        rows = await connection.fetch(_ROWS, journal_id, some, _MAY_BE_NEGATIVE)
        missing.difference_update(row["id"] for row in rows)
        wrong = _row_contradicts(rows, stands)
        if wrong is not None:
            return wrong
    return f"{describe(min(missing))} is in the log but has no row" if missing else None


def _row_contradicts(rows: Sequence[asyncpg.Record], stands: Mapping[int, Stand]) -> str | None:
    for row in rows:
        account, found = row["id"], stands.get(row["id"], (0, 0))
        if not row["is_itself"]:
            return f"the row of account {account} is not that of {describe(account)}"
        if (row["sequence"], units(row["balance"])) != found:
            return f"{describe(account)} stands at {row['balance']}, the log says {to_text(found[1])}"
        if row["events"] is not None and row["events"] != row["book_sequence"]:
            return f"book {account >> 25} counts {row['book_sequence']} events, its last one is {row['events']}"
    return None


async def snapshots_contradict(
    connection: EngineConnection,
    journal_id: int,
    after: int,
    to: int,
    found: Iterable[Snapshot],
    *,
    low: int = LOWEST,
    high: int = HIGHEST,
) -> str | None:
    """Whether an audit's snapshots of positions past ``after`` up to ``to`` are what the log adds up to (``found``).

    Only those of accounts from ``low`` to ``high`` are looked at.
    """
    rows = await connection.fetch(_SNAPSHOTS, journal_id, after, to, low, high)
    known = {(each.account, each.position, each.sequence, each.balance) for each in found}
    for account, position, sequence, balance in rows:
        if (account, position, sequence, units(balance)) not in known:
            return f"position {position}: the snapshot of {describe(account)} does not agree with the log"
    return None


async def stray_snapshot(connection: EngineConnection, journal_id: int, low: int, high: int) -> str | None:
    """Whether an account of the journal, from ``low`` to ``high``, has a snapshot that is said to be another journal's:
    it would count, and no audit would look at it."""
    row = await connection.fetchrow(_STRAY, journal_id, low, high)
    if row is None:
        return None
    return f"position {row['position']}: the snapshot of {describe(row['account_id'])} is said to be another journal's"


async def books_contradict(connection: EngineConnection, journal_id: int, ends: Mapping[int, int]) -> str | None:
    """Whether all books of the journal count as many events as their streams have by the log (``ends``)."""
    row = await connection.fetchrow(_BOOKS, journal_id, list(ends), list(ends.values()))
    if row is not None:
        return f"book {row['id']} counts {row['counted']} events, its last one is {row['last']}"
    return await unknown_book(connection, journal_id, ends)


async def unknown_book(connection: EngineConnection, journal_id: int, books: Iterable[int]) -> str | None:
    """Whether one of these books, of which the log tells, is none of the journal."""
    book = await connection.fetchval(_UNKNOWN_BOOK, journal_id, list(books))
    return None if book is None else f"book {book} is in the log, and is none of journal {journal_id}"


def parts_of(accounts: Iterable[int]) -> Iterator[list[int]]:
    """Some at a time: what is looked through at once keeps everybody else in this process waiting."""
    rest = sorted(accounts)
    for start in range(0, len(rest), _AT_ONCE):
        yield rest[start : start + _AT_ONCE]


def units(figure: Decimal) -> int | None:
    """A figure of the database in units; None for one that is none."""
    return to_units(figure) if figure.is_finite() else None


_HEAD = """
SELECT h.position,
  (h.recorded_at, h.effective_at) = CASE
    WHEN h.position = 0 THEN (h.recorded_at, h.effective_at)
    WHEN h.position = h.archived THEN (h.archived_recorded_at, h.archived_effective_at)
    ELSE (e.recorded_at, e.latest_effective_at) END AS same,
  least((SELECT min(position) FROM ledger.event WHERE journal_id = $1 AND position <= h.archived),
        (SELECT min(position) FROM ledger.transfer WHERE journal_id = $1 AND position <= h.archived)) AS left,
  least((SELECT min(position) FROM ledger.event WHERE journal_id = $1 AND position > h.position),
        (SELECT min(position) FROM ledger.transfer WHERE journal_id = $1 AND position > h.position)) AS past,
  least((SELECT min(position) FROM ledger.snapshot
         WHERE journal_id = $1 AND position > h.archived AND sequence % 1000 <> 0),
        (SELECT min(position) FROM ledger.snapshot WHERE journal_id = $1 AND position <= 0),
        (SELECT min(position) FROM ledger.snapshot WHERE journal_id = $1 AND position > h.position)) AS made_up
FROM ledger.journal_head h LEFT JOIN ledger.event e ON e.journal_id = $1 AND e.position = h.position
WHERE h.journal_id = $1
"""
#: Of which nothing is at hand, everything may be archived.
_ROWS = """
SELECT a.id, a.sequence, a.balance, b.sequence AS book_sequence,
  a.journal_id = $1 AND a.book_id = a.id >> 25 AND a.asset_id = (a.id >> 5) & 1048575 AND a.kind = a.id & 31
    AND b.journal_id = $1 AND k.book_kind = b.kind AND s.id IS NOT NULL AND a.closed = b.closed
    AND a.may_be_negative = (a.kind = ANY ($3::smallint[])) AND (a.may_be_negative OR a.balance >= 0) AS is_itself,
  coalesce((SELECT max(sequence) FROM ledger.event e WHERE e.journal_id = $1 AND e.book_id = b.id),
           CASE WHEN h.archived = 0 THEN 0 END) AS events
FROM ledger.account a JOIN ledger.journal_head h ON h.journal_id = $1
LEFT JOIN ledger.book b ON b.id = a.id >> 25 LEFT JOIN ledger.account_kind k ON k.id = a.id & 31
LEFT JOIN ledger.asset s ON s.id = (a.id >> 5) & 1048575
WHERE a.id = ANY ($2) ORDER BY a.id
"""
_BOOKS = """
SELECT b.id, b.sequence AS counted, coalesce(u.sequence, 0) AS last
FROM ledger.journal_head h JOIN ledger.book b USING (journal_id)
LEFT JOIN unnest($2::bigint[], $3::bigint[]) AS u(id, sequence) ON u.id = b.id
WHERE h.journal_id = $1 AND b.sequence <> coalesce(u.sequence, CASE WHEN h.archived = 0 THEN 0 ELSE b.sequence END)
ORDER BY b.id LIMIT 1
"""
_UNKNOWN_BOOK = """
SELECT min(u.id) FROM unnest($2::bigint[]) AS u(id)
WHERE NOT EXISTS (SELECT FROM ledger.book b WHERE b.id = u.id AND b.journal_id = $1)
"""
_SNAPSHOTS = """
SELECT account_id, position, sequence, balance FROM ledger.snapshot
WHERE journal_id = $1 AND position > $2 AND position <= $3 AND sequence % 1000 = 0 AND account_id BETWEEN $4 AND $5
ORDER BY position
"""
_STRAY = """
SELECT s.account_id, s.position FROM ledger.snapshot s JOIN ledger.book b ON b.id = s.account_id >> 25
WHERE b.journal_id = $1 AND s.journal_id <> $1 AND s.account_id BETWEEN $2 AND $3 ORDER BY s.position LIMIT 1
"""
