"""A market order is sent: by one process, which says so first."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.ledger.commit import Batch
from app.ledger.types import Entry
from app.orders.progress import ENGINE


@dataclass(frozen=True, slots=True)
class Sending:
    """A process is about to send a market order that it has claimed."""

    market_order_id: UUID
    claimed_by: UUID


async def mark_sent(batch: Batch, commands: Sequence[Sending]) -> list[bool]:
    """Whether each may be sent now: only by who claims it, and only while it is open. Recorded before it is sent."""
    rows = await batch.connection.fetch(
        "UPDATE market_order m SET status = CASE WHEN m.status = 'CREATED' THEN 'SENT' ELSE m.status END"
        " FROM (SELECT o.id, o.status FROM market_order o JOIN unnest($1::uuid[], $2::uuid[]) AS u(id, claimant)"
        "   ON o.id = u.id AND o.claimed_by = u.claimant WHERE o.ended_at IS NULL) AS before"
        " WHERE m.id = before.id RETURNING m.id, m.book_id, before.status",
        [each.market_order_id for each in commands],
        [each.claimed_by for each in commands],
    )
    first = sorted((row for row in rows if row["status"] == "CREATED"), key=lambda row: row["id"])
    await batch.post_facts([_sent(batch, row["book_id"], row["id"]) for row in first])
    ours = {row["id"] for row in rows}
    return [each.market_order_id in ours for each in commands]


def _sent(batch: Batch, book: int, market_order: UUID) -> Entry:
    data = {"market_order": str(market_order)}
    return Entry(
        NewEvent(book, EventType.MARKET_ORDER_SENT, ENGINE, batch.effective_at, correlation=market_order, data=data)
    )
