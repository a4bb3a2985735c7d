"""Whether the daily closes that are kept are those that the log tells of."""

from app.infra.database import EngineConnection


async def closes_contradict(connection: EngineConnection, journal_id: int) -> str | None:
    """The first business date whose close is another than the log says, or is missing here or there; None if all agree.

    What the log tells is under its signed checkpoints. Closes of which it may have told before it begins are left out.
    """
    row = await connection.fetchrow(_DIFFERENT, journal_id)
    return None if row is None else f"the close of {row['day']} is not the one that the log tells of"


_DIFFERENT = """
WITH told AS (
  SELECT correlation AS id, data FROM ledger.event
  WHERE journal_id = $1 AND type = 'BOOKS_CLOSED'
    AND book_id = (SELECT id FROM ledger.book WHERE journal_id = $1 AND kind = 'house')),
kept AS (SELECT * FROM daily_close WHERE journal_id = $1)
SELECT coalesce(c.business_date::text, t.data ->> 'business_date') AS day
FROM kept c FULL JOIN told t USING (id)
WHERE c.hash IS NULL
   OR t.data IS NULL AND c.position >= (SELECT archived FROM ledger.journal_head WHERE journal_id = $1)
   OR t.data IS NOT NULL AND (c.business_date::text, c.position, c.hash, c.balanced) IS DISTINCT FROM
      (t.data ->> 'business_date', (t.data ->> 'position')::bigint, t.data ->> 'hash', (t.data ->> 'balanced')::boolean)
ORDER BY 1 LIMIT 1
"""
