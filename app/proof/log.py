"""Reads the log as leaves. Nothing else decides what is hashed: the sealer, the API and ``verify`` all read it here."""

from collections.abc import Sequence

import asyncpg

from app.infra.database import EngineConnection
from app.proof.leaf import Times, leaf
from app.proof.tree import hash_leaf

_LEGS = """
SELECT position, string_agg('[' || debit_account_id || ',' || credit_account_id || ',"' || amount || '"]', ','
  ORDER BY leg) AS legs
FROM ledger.transfer WHERE journal_id = $1 AND {which} GROUP BY position
"""
# The columns are those that ``leaf`` takes. A full join is merged or hashed whatever the statistics say: for a left one
# the planner groups all transfers anew for each entry while a table has none (1,500 entries/s instead of 150,000).
_READ = """
SELECT position, book_id, sequence, type, version, actor, cause::text, correlation::text, recorded_at, effective_at,
  e.data::text, legs
FROM (SELECT * FROM ledger.event WHERE journal_id = $1 AND {which}) AS e
FULL JOIN ({legs}) AS t USING (position) ORDER BY position
"""


def _read(which: str) -> str:
    return _READ.format(which=which, legs=_LEGS.format(which=which))


_RANGE = _read("position BETWEEN $2 AND $3")
_SOME = _read("position = ANY ($2)")


class LogDamaged(Exception):
    """The log is not what it must be: something is missing, or is there that can't be. ``position`` says where."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


async def rows_between(
    connection: EngineConnection, journal_id: int, first: int, last: int
) -> Sequence[asyncpg.Record]:
    """The entries at these positions, both ends included, as ``leaf`` takes them."""
    return await connection.fetch(_RANGE, journal_id, first, last)


def texts(journal_id: int, rows: Sequence[asyncpg.Record], first: int, times: Times) -> list[bytes]:
    """The leaves of rows that stand at the positions from ``first`` on without a gap, or ``LogDamaged``."""
    found = []
    for position, row in enumerate(rows, first):
        if row[0] != position:
            raise LogDamaged(position, f"there is no entry at position {position}")
        if row[3] is None:
            raise LogDamaged(position, f"there are transfers at position {position}, but no entry")
        found.append(leaf(journal_id, row, times))
    return found


async def leaf_hashes(connection: EngineConnection, journal_id: int, start: int, end: int) -> list[bytes]:
    """The hashes of the leaves from ``start`` to before ``end``; all of them have to be there."""
    rows = await rows_between(connection, journal_id, start + 1, end)
    found = texts(journal_id, rows, start + 1, Times())
    if len(found) < end - start:
        missing = start + len(found) + 1
        raise LogDamaged(missing, f"there is no entry at position {missing}")
    return list(map(hash_leaf, found))


async def leaves_at(connection: EngineConnection, journal_id: int, positions: Sequence[int]) -> dict[int, str]:
    """The leaves' texts by position; what is not there is absent."""
    rows = await connection.fetch(_SOME, journal_id, positions)
    times = Times()
    return {row[0]: leaf(journal_id, row, times).decode() for row in rows if row[3] is not None}
