"""What only the database knows of: another process's work, or what a crash left to be done."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from app.infra.database import EnginePool
from app.market.types import Side
from app.orders.lead import SHARDS
from app.orders.rows import market_order_from, terms_from, venue_order_from
from app.orders.types import Group, MarketOrder, VenueOrderState, group_terms

#: A venue that says nothing for so long is asked: about an answer that is due, and about an order that only rests.
ANSWER_DUE = timedelta(seconds=5)
RESTING = timedelta(seconds=30)


async def waiting_groups(pool: EnginePool, shards: Collection[int]) -> dict[Group, datetime]:
    """Groups of accepted orders in these shards, with the time of the first."""
    rows = await pool.fetch(
        "SELECT journal_id, instrument_id, side, type, limit_price, time_in_force, expires_at,"
        " min(placed_at) AS opened_at FROM customer_order WHERE status = 'ACCEPTED' AND instrument_id % $1 = ANY ($2)"
        " GROUP BY journal_id, instrument_id, side, type, limit_price, time_in_force, expires_at",
        SHARDS,
        list(shards),
    )
    found: dict[Group, datetime] = {}
    for row in rows:
        group = Group(row["journal_id"], row["instrument_id"], Side(row["side"]), group_terms(terms_from(row)))
        found[group] = min(row["opened_at"], found.get(group, row["opened_at"]))
    return found


@dataclass(frozen=True, slots=True)
class Open:
    """A market order that is not over, and how it stands with its venue."""

    market_order: MarketOrder
    venue_order: VenueOrderState


_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Ours:
    """What this process looks after: shards, but for what exclusive venues deal; of these, the ones it speaks to."""

    shards: Collection[int]
    exclusive: Collection[str]
    spoken_to: Collection[str]


async def open_orders(pool: EnginePool, ours: Ours) -> AsyncIterator[list[Open]]:
    """Every open market order that is ours, some at a time: for who takes them over."""
    ever, after = datetime.max.replace(tzinfo=UTC), _FIRST
    while found := await _open(pool, ours, ever, ever, after):
        yield found
        after = found[-1].market_order.id


async def silent_orders(pool: EnginePool, ours: Ours, now: datetime) -> list[Open]:
    """Open market orders of ours of which the venue should have been heard by now, or was never told."""
    return await _open(pool, ours, now - ANSWER_DUE, now - RESTING)


async def asked(pool: EnginePool, orders: Collection[Open]) -> None:
    """These are being asked about now, also where an operator wanted it."""
    ids = [each.market_order.id for each in orders]
    await pool.execute("UPDATE venue_order SET to_ask = false WHERE market_order_id = ANY ($1) AND to_ask", ids)


async def these_orders(pool: EnginePool, ids: list[UUID]) -> list[Open]:
    """Those of these market orders that are open."""
    return await _read(pool, ids) if ids else []


async def _open(
    pool: EnginePool, ours: Ours, answer_due: datetime, resting: datetime, after: UUID = _FIRST
) -> list[Open]:
    rows = await pool.fetch(
        _OPEN, SHARDS, list(ours.shards), answer_due, resting, list(ours.exclusive), list(ours.spoken_to), after
    )
    return await _read(pool, [row["id"] for row in rows]) if rows else []


_OPEN = """
SELECT m.id FROM market_order m JOIN venue_order v ON v.market_order_id = m.id
WHERE m.ended_at IS NULL AND m.id > $7
  AND CASE WHEN v.venue = ANY ($5) AND m.status <> 'GATHERING' THEN v.venue = ANY ($6)
           ELSE m.instrument_id % $1 = ANY ($2) END
  AND (v.to_ask OR (v.sent_at IS NULL AND v.venue = ANY ($6))
       OR greatest(v.heard_at, v.sent_at, m.created_at)
          < CASE WHEN v.status = 'NEW' AND m.type = 'LIMIT' THEN $4::timestamptz ELSE $3::timestamptz END)
ORDER BY m.id LIMIT 500
"""


async def _read(pool: EnginePool, ids: list[UUID]) -> list[Open]:
    made = await pool.fetch("SELECT * FROM market_order WHERE id = ANY ($1) AND ended_at IS NULL ORDER BY id", ids)
    states = await pool.fetch("SELECT * FROM venue_order WHERE market_order_id = ANY ($1)", ids)
    by_id = {row["market_order_id"]: venue_order_from(row) for row in states}
    return [Open(market_order_from(row), by_id[row["id"]]) for row in made if row["id"] in by_id]


async def leaving(pool: EnginePool, shards: Collection[int]) -> list[tuple[UUID, int, int]]:
    """Market orders that some orders want to leave, or all have left, or too much is dealt for, as yet unasked.

    With their journals and instruments.
    """
    rows = await pool.fetch(
        "SELECT DISTINCT market_order_id, journal_id, instrument_id FROM customer_order"
        " WHERE ends_as IS NOT NULL AND ended_at IS NULL AND change_number IS NULL"
        " AND instrument_id % $1 = ANY ($2)"
        " UNION SELECT m.id, m.journal_id, m.instrument_id FROM market_order m"
        " JOIN venue_order v ON v.market_order_id = m.id"
        " WHERE m.ended_at IS NULL AND m.status <> 'GATHERING' AND m.instrument_id % $1 = ANY ($2)"
        " AND v.status IN ('PENDING_NEW', 'NEW') AND NOT EXISTS (SELECT 1 FROM allocation a"
        "   JOIN customer_order o ON o.id = a.order_id WHERE a.market_order_id = m.id AND o.ended_at IS NULL)"
        " UNION SELECT m.id, m.journal_id, m.instrument_id FROM market_order m"
        " JOIN venue_order v ON v.market_order_id = m.id"
        " WHERE m.ended_at IS NULL AND m.instrument_id % $1 = ANY ($2)"
        " AND v.status = 'NEW' AND EXISTS (SELECT 1 FROM execution e WHERE e.market_order_id = m.id AND NOT e.standing)"
        " LIMIT 500",
        SHARDS,
        list(shards),
    )
    return [(row["market_order_id"], row["journal_id"], row["instrument_id"]) for row in rows]


async def running(pool: EnginePool, shards: Collection[int]) -> list[UUID]:
    """Market orders of which something is to be shared out in chunks, a run is under way, or orders are let go of."""
    rows = await pool.fetch(
        "SELECT m.id FROM market_order m WHERE m.instrument_id % $1 = ANY ($2) AND m.status <> 'GATHERING'"
        " AND (m.filled_quantity <> m.allocated_quantity OR m.filled_amount <> m.allocated_amount)"
        " UNION SELECT r.market_order_id FROM allocation_run r JOIN market_order m ON m.id = r.market_order_id"
        " WHERE m.instrument_id % $1 = ANY ($2)"
        " UNION SELECT o.market_order_id FROM customer_order o JOIN venue_order v USING (market_order_id)"
        " WHERE o.ends_as IS NOT NULL AND o.ended_at IS NULL AND o.change_number <= v.accepted"
        " AND o.instrument_id % $1 = ANY ($2) LIMIT 100",
        SHARDS,
        list(shards),
    )
    return [row["id"] for row in rows]


_TO_SETTLE = """
SELECT journal_id FROM trade_settlement WHERE settled_at IS NULL AND due_on <= $1
UNION SELECT journal_id FROM cash_settlement WHERE settled_at IS NULL AND due_on <= $1
UNION SELECT a.journal_id FROM ledger.account a WHERE a.kind = 4 AND a.balance > 0
  AND NOT EXISTS (SELECT 1 FROM cash_settlement c WHERE c.book_id = a.book_id AND c.settled_at IS NULL)
UNION SELECT a.journal_id FROM ledger.account a WHERE a.kind IN (9, 23) AND a.asset_id <> 1 AND a.balance < 0
"""


async def journals_to_settle(pool: EnginePool, today: date) -> list[int]:
    """Journals with something due by ``today``, unsettled cash that nothing due stands behind, or shares owed."""
    return [row["journal_id"] for row in await pool.fetch(_TO_SETTLE, today)]
