"""Whether the daily closes that are kept are those that the log tells of, and their books what it adds up to."""

from app.accounting.balances import carried_on, kept_books
from app.accounting.rows import Row, close_from, figures_hash
from app.accounting.trial_balance import TrialBalance
from app.infra.database import EngineConnection, one_moment
from app.ledger.archived import archived_position


async def closes_contradict(connection: EngineConnection, journal_id: int) -> str | None:
    """The first business date whose close is another than the log says, or is missing here or there; None if all agree.

    What the log tells is under its signed checkpoints. Closes of which it may have told before it begins are left out.
    """
    days = [row["day"] for row in await connection.fetch(_DIFFERENT, journal_id)]
    for row in await connection.fetch(_BOTH, journal_id):
        if _figures(row) != row["told"]:
            days.append(row["business_date"].isoformat())
    if days:
        return f"the close of {min(days)} is not the one that the log tells of"
    return await _books_contradict(connection, journal_id)


async def _books_contradict(connection: EngineConnection, journal_id: int) -> str | None:
    """The first trial balance that is not the one that its close names, or that does not follow from the one before."""
    stray = await connection.fetchval(_STRAY, journal_id)
    if stray is not None:
        return f"the trial balance that is kept at position {stray:,} is no close's of this tenant"
    before = TrialBalance(journal_id, 0, [])
    for row in await connection.fetch(_CLOSES, journal_id):
        async with one_moment(connection):
            try:
                books = (await kept_books(connection.fetch, journal_id, [row["position"]])).get(row["position"])
                changed = books is not None and books.hash != row["hash"]
            except ValueError:  # a kind or a figure that is none
                books, changed = None, True
            if changed:
                return f"the trial balance that is kept of {row['business_date']} is not the one that its close names"
            if books is None:
                continue  # there was nothing on any account, or it was closed before books were kept
            at_hand = before.position >= await archived_position(connection, journal_id)
            if at_hand and await carried_on(connection.fetch, before, books.position) != books:
                return f"the trial balance of {row['business_date']} is not what the log adds up to"
            before = books
    return None


def _figures(row: Row) -> str | None:
    try:
        close = close_from(row)
    except (ArithmeticError, KeyError, TypeError, ValueError):  # nothing that we have written
        return None
    return figures_hash(close.totals, close.custody)


_TOLD = """
WITH told AS (
  SELECT correlation AS id, actor, data FROM ledger.event
  WHERE journal_id = $1 AND type = 'BOOKS_CLOSED'
    AND book_id = (SELECT id FROM ledger.book WHERE journal_id = $1 AND kind = 'house')),
kept AS (SELECT * FROM daily_close WHERE journal_id = $1)
"""
_DIFFERENT = f"""{_TOLD}
SELECT coalesce(c.business_date::text, t.data ->> 'business_date') AS day
FROM kept c FULL JOIN told t USING (id)
WHERE c.hash IS NULL OR c.tenant_id <> (SELECT tenant_id FROM ledger.journal WHERE id = $1)
   OR t.data IS NULL AND c.position >= (SELECT archived FROM ledger.journal_head WHERE journal_id = $1)
   OR t.data IS NOT NULL AND
      (c.business_date::text, c.ends_at, c.position, c.hash, c.balanced, c.closed_by) IS DISTINCT FROM
      (t.data ->> 'business_date', (t.data ->> 'ends_at')::timestamptz, (t.data ->> 'position')::bigint,
       t.data ->> 'hash', (t.data ->> 'balanced')::boolean, t.actor)
ORDER BY 1 LIMIT 1
"""  # noqa: S608
_BOTH = f"{_TOLD} SELECT c.*, t.data ->> 'figures' AS told FROM kept c JOIN told t USING (id)"  # noqa: S608
_CLOSES = "SELECT business_date, position, hash FROM daily_close WHERE journal_id = $1 ORDER BY business_date"
_STRAY = """
SELECT min(position) FROM trial_balance_row r WHERE journal_id = $1
  AND NOT EXISTS (
    SELECT 1 FROM daily_close c
    WHERE c.journal_id = $1 AND c.position = r.position AND c.tenant_id = r.tenant_id)
"""
