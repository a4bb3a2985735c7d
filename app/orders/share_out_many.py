"""A market order with many participants is shared out by a run: planned once, then posted in chunks.

The plan is written beside the allocation statement, without the journal's lock: only runs change what it is made
from. (Where few take part reports are shared out at once, too: there the market order's row is locked.) Each chunk is
a commit of its own that says how far it came, so any process can go on after a crash, and other commands of the
journal pass in between.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from app.infra.database import EngineConnection, EnginePool
from app.kernel.money import multiply, to_decimal
from app.ledger.batch import Batch
from app.orders.allocate import Allotment
from app.orders.fill import fills_of
from app.orders.hear import progress_of
from app.orders.plan import Participant, Plan, Progress, plan
from app.orders.rows import SELECT_ORDER, Row, market_order_from, order_from, units, venue_order_from
from app.orders.run import CHUNK, Part, share_out_now
from app.orders.types import Fill, Group, MarketOrderStatus


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """Whether more of the run is left, and in which groups orders took another's place."""

    more: bool
    groups: Sequence[Group] = ()


async def begin_run(pool: EnginePool, market_order_id: UUID) -> bool:
    """Plan what is new, if no run is under way; False when there is nothing to share out."""
    while True:
        try:
            return await _begin_run(pool, market_order_id)
        except (asyncpg.SerializationError, asyncpg.UniqueViolationError):
            continue  # something was told meanwhile, or another process planned first: look again


async def _begin_run(pool: EnginePool, market_order_id: UUID) -> bool:
    # All of it as of one moment.
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        row = await connection.fetchrow(
            "SELECT * FROM market_order WHERE id = $1 AND status <> 'GATHERING'", market_order_id
        )
        at_venue = await connection.fetchrow("SELECT * FROM venue_order WHERE market_order_id = $1", market_order_id)
        if row is None or at_venue is None:
            return False
        if row["participants"] <= CHUNK:
            # It waits for a commit that shares out, and then fails; one that comes after it finds the run.
            await connection.execute("SELECT FROM market_order WHERE id = $1 FOR UPDATE", market_order_id)
        if await connection.fetchval("SELECT true FROM allocation_run WHERE market_order_id = $1", market_order_id):
            return True
        standing = await _standing(connection, market_order_id)
        progress = progress_of(market_order_from(row), venue_order_from(at_venue), standing)
        freed = await connection.fetchval(_FREED, market_order_id, progress.accepted)
        if progress.fill == progress.before and not (progress.taken_back or progress.ending or freed):
            return False
        rows = await connection.fetch(_PARTICIPANTS, market_order_id)
        # In a thread: it takes a second for 50,000, and others are not to wait for it.
        participants, planned = await asyncio.to_thread(_planned, progress, rows)
        await _write(connection, row["tenant_id"], progress, participants, planned)
        return True


def _planned(progress: Progress, rows: Sequence[Row]) -> tuple[list[Participant], Plan]:
    participants = [Participant(order_from(row), row["stated"]) for row in rows]
    return participants, plan(progress, participants)


async def share_out_chunk(batch: Batch, commands: Sequence[UUID]) -> list[ChunkDone]:
    """The next chunk of each market order's run."""
    return [await _chunk(batch, id_) for id_ in commands]


async def _chunk(batch: Batch, market_order_id: UUID) -> ChunkDone:
    run = await batch.connection.fetchrow("SELECT * FROM allocation_run WHERE market_order_id = $1", market_order_id)
    if run is None:
        return ChunkDone(False)
    row = await batch.connection.fetchrow("SELECT * FROM market_order WHERE id = $1", market_order_id)
    assert row is not None
    made = market_order_from(row)
    ending = None if run["ending"] is None else MarketOrderStatus(run["ending"])
    fill = Fill(units(run["quantity"]), units(run["amount"]))
    taken_back = Fill(made.allocated_quantity, made.allocated_amount)
    if run["stage"] == _TAKEN_BACK:
        taken_back = Fill(-1, -1)
    progress = Progress(made, fill, taken_back, ending, run["reason"], run["accepted"])
    rows = await batch.connection.fetch(_NEXT, market_order_id, run["through"], CHUNK)
    planned = [Allotment(each["planned_quantity"], each["planned_amount"]) for each in rows]
    last = len(rows) < CHUNK
    departed = Fill(units(run["departed_quantity"]), units(run["departed_amount"]))
    part = Part(progress, fills_of(progress, [order_from(each) for each in rows], planned), departed, last)
    groups = await share_out_now(batch, [part])
    if last:
        await batch.connection.execute("DELETE FROM allocation_run WHERE market_order_id = $1", market_order_id)
    else:
        await batch.connection.execute(
            "UPDATE allocation_run SET through = $2 WHERE market_order_id = $1", market_order_id, rows[-1]["id"]
        )
    return ChunkDone(not last, groups)


_TAKEN_BACK = "TAKEN_BACK"


async def _standing(connection: EngineConnection, market_order_id: UUID) -> Fill:
    """What still stands of the executions that were shared out."""
    rows = await connection.fetch(
        "SELECT quantity, price FROM execution WHERE market_order_id = $1 AND standing AND allocated", market_order_id
    )
    quantity = sum(units(row["quantity"]) for row in rows)
    return Fill(quantity, sum(multiply(units(row["quantity"]), units(row["price"])) for row in rows))


async def _write(
    connection: EngineConnection,
    tenant_id: UUID,
    progress: Progress,
    participants: Sequence[Participant],
    planned: Plan,
) -> None:
    id_ = progress.market_order.id
    await connection.execute(
        "UPDATE allocation a SET planned_quantity = u.quantity * 0.00000001, planned_amount = u.amount * 0.00000001"
        " FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS u(id, quantity, amount)"
        " WHERE a.market_order_id = $1 AND a.order_id = u.id",
        id_,
        [each.order.id for each in participants],
        [each.quantity for each in planned.allotments],
        [each.amount for each in planned.allotments],
    )
    await connection.execute(
        "UPDATE execution SET allocated = standing WHERE market_order_id = $1 AND allocated <> standing", id_
    )
    await connection.execute(
        _BEGIN,
        id_,
        tenant_id,
        to_decimal(progress.fill.quantity),
        to_decimal(progress.fill.amount),
        _TAKEN_BACK if progress.taken_back else progress.stage.value,
        None if progress.ending is None else progress.ending.value,
        progress.reason,
        progress.accepted,
        to_decimal(planned.departed.quantity),
        to_decimal(planned.departed.amount),
    )


_BEGIN = """
INSERT INTO allocation_run (market_order_id, tenant_id, quantity, amount, stage, ending, reason, accepted,
  departed_quantity, departed_amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_PARTICIPANTS = (
    SELECT_ORDER
    + """, (a.quantity * 100000000)::bigint AS stated
FROM customer_order o JOIN allocation a ON a.order_id = o.id
WHERE a.market_order_id = $1
"""
)

_FREED = """
SELECT EXISTS (SELECT 1 FROM customer_order
               WHERE market_order_id = $1 AND ends_as IS NOT NULL AND ended_at IS NULL AND change_number <= $2)
"""

#: The next orders past the last one, of which something changes (all of them, once the market order is over).
_NEXT = (
    SELECT_ORDER
    + """, (a.planned_quantity * 100000000)::bigint AS planned_quantity,
  (a.planned_amount * 100000000)::bigint AS planned_amount
FROM allocation a JOIN customer_order o ON o.id = a.order_id
JOIN allocation_run r ON r.market_order_id = a.market_order_id
WHERE a.market_order_id = $1 AND ($2::uuid IS NULL OR a.order_id > $2)
  AND (a.planned_quantity <> a.filled_quantity OR a.planned_amount <> a.filled_amount
       OR (o.ended_at IS NULL AND (r.ending IS NOT NULL OR o.change_number <= r.accepted)))
ORDER BY a.order_id LIMIT $3
"""
)
