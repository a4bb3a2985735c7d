"""What can be wrong with a log and its rows beside its sums: each check names the first thing, or answers None."""

from collections.abc import Mapping
from decimal import Decimal

from app.infra.database import EngineConnection
from app.kernel.money import to_text, to_units
from app.ledger.adding_up import Stand, describe


async def events_contradict(connection: EngineConnection, journal_id: int, after: int, to: int) -> str | None:
    """Events past ``after`` that leave a gap, run back in time, are marked wrongly as late or on time (their transfers
    are marked as they are), or do not follow from the one before in their stream."""
    position: int | None = await connection.fetchval(_CLOCKS, journal_id, after, to)
    if position is not None:
        return f"position {position}: it does not follow from the event before it, or was recorded or marked wrongly"
    position = await connection.fetchval(_LATENESS, journal_id, after, to)
    if position is not None:
        return f"position {position}: its transfers are not marked as it is"
    position = await connection.fetchval(_STREAMS, journal_id, after, to)
    return None if position is None else f"position {position}: it does not follow from the last event of its book"


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


# What comes before the first of a stretch is looked at too: the event before it, and the latest time until then; the
# journal's head keeps both of what is archived.
_CLOCKS = """
SELECT coalesce(min(position) FILTER (WHERE wrong), CASE WHEN count(*) <> $3::bigint - $2 THEN $2 + count(*) + 1 END)
FROM (
  SELECT position, position <> lag(position, 1, $2) OVER log + 1
      OR recorded_at < lag(recorded_at, 1, before.recorded) OVER log
      OR latest_effective_at <> greatest(max(effective_at) OVER log, before.effective)
      OR lateness <> CASE
        WHEN effective_at >= latest_effective_at THEN 0
        WHEN effective_at >= latest_effective_at - interval '1 minute' THEN 1
        ELSE 2 END AS wrong
  FROM ledger.event, (
    SELECT coalesce((SELECT recorded_at FROM ledger.event WHERE journal_id = $1 AND position = $2),
                    archived_recorded_at) AS recorded,
           coalesce((SELECT latest_effective_at FROM ledger.event WHERE journal_id = $1 AND position = $2),
                    archived_effective_at) AS effective
    FROM ledger.journal_head WHERE journal_id = $1) before
  WHERE journal_id = $1 AND position > $2 AND position <= $3
  WINDOW log AS (ORDER BY position ROWS UNBOUNDED PRECEDING)
) events
"""
# Transfers are marked as their event is; one without an event is found as well. A full join is never planned to compare
# each with each, as another would be without statistics of a young log; so nothing may stand in a WHERE after it.
_LATENESS = """
SELECT min(t.position) FILTER (WHERE t.lateness IS DISTINCT FROM e.lateness) FROM (
  SELECT position, lateness FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3) t
FULL JOIN (
  SELECT position, lateness FROM ledger.event WHERE journal_id = $1 AND position > $2 AND position <= $3) e
ON e.position = t.position
"""
# Of what comes first in a stretch, the event before has to be there, unless all before it is archived.
_STREAMS = """
SELECT min(position) FROM (
  SELECT position, book_id, sequence, lag(sequence) OVER (PARTITION BY book_id ORDER BY position) AS before
  FROM ledger.event WHERE journal_id = $1 AND position > $2 AND position <= $3) e
WHERE sequence <> before + 1 OR before IS NULL AND sequence > 1
  AND NOT EXISTS (SELECT 1 FROM ledger.event l WHERE l.journal_id = $1 AND l.book_id = e.book_id
                  AND l.sequence = e.sequence - 1 AND l.position <= $2)
  AND (EXISTS (SELECT 1 FROM ledger.event l WHERE l.journal_id = $1 AND l.book_id = e.book_id
               AND l.sequence < e.sequence AND l.position <= $2)
       OR NOT EXISTS (SELECT 1 FROM ledger.journal_head WHERE journal_id = $1 AND archived > 0))
"""
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
