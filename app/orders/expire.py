"""Orders whose time is over end as EXPIRED."""

from datetime import datetime, timedelta

from app.infra.database import EnginePool
from app.orders.cancel import CancelOrder
from app.orders.progress import ENGINE
from app.orders.types import OrderStatus

#: Market time for which a venue may take to expire an order by itself before it is asked to let go of it.
GRACE = timedelta(minutes=10)


async def expired(pool: EnginePool, market_now: datetime) -> list[tuple[int, CancelOrder]]:
    """Orders to be ended, with their journals: those that wait at once, those with a venue after its grace."""
    rows = await pool.fetch(
        "SELECT journal_id, id FROM customer_order WHERE ended_at IS NULL AND ends_as IS NULL"
        " AND expires_at <= $1 AND (status = 'ACCEPTED' OR expires_at <= $2) ORDER BY expires_at LIMIT 1000",
        market_now,
        market_now - GRACE,
    )
    return [
        (row["journal_id"], CancelOrder(row["id"], ENGINE, "its time is over", OrderStatus.EXPIRED)) for row in rows
    ]
