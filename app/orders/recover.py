"""What a restart, or another process's end, leaves to be done: found in the database, claimed by one process."""

from datetime import date, datetime, timedelta
from uuid import UUID

from app.infra.database import EnginePool
from app.market.types import Side
from app.orders.rows import market_order_from
from app.orders.types import MarketOrder

#: A market order that was not looked after for this long is anybody's.
STALE_AFTER = timedelta(seconds=5)


async def waiting_windows(pool: EnginePool) -> dict[tuple[int, int, Side], datetime]:
    """Accepted orders by journal, instrument and side, with the time of the first."""
    rows = await pool.fetch(
        "SELECT journal_id, instrument_id, side, min(placed_at) AS opened_at FROM customer_order"
        " WHERE status = 'ACCEPTED' GROUP BY journal_id, instrument_id, side"
    )
    return {(row["journal_id"], row["instrument_id"], Side(row["side"])): row["opened_at"] for row in rows}


async def claim_stale(pool: EnginePool, claimant: UUID, now: datetime) -> list[MarketOrder]:
    """Open market orders that nobody looks after, claimed for this process by one conditional UPDATE."""
    rows = await pool.fetch(
        "UPDATE market_order SET claimed_by = $1, claimed_at = $2 WHERE id IN (SELECT id FROM market_order"
        " WHERE ended_at IS NULL AND claimed_at < $3 ORDER BY id LIMIT 200 FOR UPDATE SKIP LOCKED) RETURNING *",
        claimant,
        now,
        now - STALE_AFTER,
    )
    return [market_order_from(row) for row in sorted(rows, key=lambda row: row["id"])]


_TO_SETTLE = """
SELECT journal_id FROM trade_settlement WHERE settled_at IS NULL AND due_on <= $1
UNION SELECT journal_id FROM cash_settlement WHERE settled_at IS NULL AND due_on <= $1
UNION SELECT a.journal_id FROM ledger.account a WHERE a.kind = 4 AND a.balance > 0
  AND NOT EXISTS (SELECT 1 FROM cash_settlement c WHERE c.book_id = a.book_id AND c.settled_at IS NULL)
"""


async def journals_to_settle(pool: EnginePool, today: date) -> list[int]:
    """Journals with something due by ``today``, or with unsettled cash left that nothing due stands behind."""
    return [row["journal_id"] for row in await pool.fetch(_TO_SETTLE, today)]
