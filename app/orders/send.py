"""A market order was sent."""

from collections.abc import Sequence
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.ledger.commit import Batch
from app.ledger.types import Entry
from app.orders.progress import ENGINE


async def mark_sent(batch: Batch, commands: Sequence[UUID]) -> list[None]:
    """Record that the venue has these market orders; one that is marked already stays as it is."""
    rows = await batch.connection.fetch(
        "UPDATE market_order SET status = 'SENT' WHERE id = ANY ($1) AND status = 'CREATED' RETURNING id, book_id",
        commands,
    )
    await batch.post_facts(
        [
            Entry(
                NewEvent(
                    row["book_id"],
                    EventType.MARKET_ORDER_SENT,
                    ENGINE,
                    batch.effective_at,
                    correlation=row["id"],
                    data={"market_order": str(row["id"])},
                )
            )
            for row in sorted(rows, key=lambda row: row["id"])
        ]
    )
    return [None] * len(commands)
