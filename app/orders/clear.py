"""An instrument is cleared of orders, so that its terms can change: what is open ends, and nothing is in flight."""

from datetime import date

from app.kernel.errors import Refusal
from app.ledger.batch import Batch
from app.ledger.chart import Kind
from app.orders.cancel import CancelOrder, cancel
from app.orders.progress import ENGINE
from app.orders.run import CHUNK


async def end_orders(batch: Batch, instrument_id: int, reason: str) -> int:
    """End a thousand open orders of the instrument at most; answers how many that were.

    An order with a venue ends as soon as the venue lets go of what is not filled.
    """
    rows = await batch.connection.fetch(
        "SELECT id FROM customer_order WHERE journal_id = $1 AND instrument_id = $2 AND ended_at IS NULL"
        " AND (ends_as IS NULL OR ends_as = 'REPLACED') ORDER BY id LIMIT $3",
        batch.journal.id,
        instrument_id,
        CHUNK,
    )
    commands = [CancelOrder(row["id"], ENGINE, reason, instead_of_replacing=True) for row in rows]
    answers = await cancel(batch, commands)
    return sum(1 for answer in answers if not isinstance(answer, Refusal))


async def is_clear(batch: Batch, instrument_id: int) -> bool:
    """Whether no order of the instrument is open, nothing is held, and all that was dealt has been shared out."""
    kinds = [Kind.MARKET_ORDER, Kind.POSITION_HELD]
    found: bool = await batch.connection.fetchval(_CLEAR, batch.journal.id, instrument_id, kinds)
    return found


async def is_shared_out(batch: Batch, instrument_id: int, day: date) -> bool:
    """Whether all that was dealt before ``day`` is shared out, and no order whose time was over then is at a venue.

    One that stands for longer does not count: the venue may have it for months.
    """
    found: bool = await batch.connection.fetchval(_SHARED_OUT, batch.journal.id, instrument_id, day, batch.effective_at)
    return found


async def is_settled(batch: Batch, instrument_id: int) -> bool:
    """Whether the street and we owe each other none of it."""
    found: bool = await batch.connection.fetchval(_SETTLED, batch.journal.id, instrument_id)
    return found


_CLEAR = """
SELECT NOT EXISTS (SELECT 1 FROM customer_order WHERE journal_id = $1 AND instrument_id = $2 AND ended_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM market_order WHERE journal_id = $1 AND instrument_id = $2 AND ended_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM market_order WHERE journal_id = $1 AND instrument_id = $2
                   AND (filled_quantity <> allocated_quantity OR filled_amount <> allocated_amount))
   AND NOT EXISTS (SELECT 1 FROM allocation_run r JOIN market_order m ON m.id = r.market_order_id
                   WHERE m.journal_id = $1 AND m.instrument_id = $2)
   AND NOT EXISTS (SELECT 1 FROM ledger.account
                   WHERE journal_id = $1 AND asset_id = $2 AND kind = ANY ($3::smallint[]) AND balance <> 0)
"""

# Each by an index of what is open or unfinished, of which there is little.
_SHARED_OUT = """
SELECT NOT EXISTS (SELECT 1 FROM market_order WHERE journal_id = $1 AND instrument_id = $2 AND trade_date < $3
                   AND ended_at IS NULL AND (time_in_force = 'DAY' OR expires_at <= $4))
   AND NOT EXISTS (SELECT 1 FROM market_order WHERE journal_id = $1 AND instrument_id = $2 AND trade_date < $3
                   AND (filled_quantity <> allocated_quantity OR filled_amount <> allocated_amount))
   AND NOT EXISTS (SELECT 1 FROM allocation_run r JOIN market_order m ON m.id = r.market_order_id
                   WHERE m.journal_id = $1 AND m.instrument_id = $2 AND m.trade_date < $3)
"""

_SETTLED = """
SELECT NOT EXISTS (SELECT 1 FROM trade_settlement
                   WHERE journal_id = $1 AND instrument_id = $2 AND settled_at IS NULL AND quantity > 0)
"""
