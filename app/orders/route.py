"""A market order is sent: by the process that leads its shard, which says so first."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.lead import Lead, still_leading
from app.orders.progress import ENGINE
from app.orders.rows import market_order_from
from app.orders.types import MarketOrder
from app.venues.port import VenueOrder


@dataclass(frozen=True, slots=True)
class Sending:
    """A process is about to send a market order; ``lead`` is its right to do so."""

    market_order_id: UUID
    lead: Lead | None = None


async def mark_sent(batch: Batch, commands: Sequence[Sending]) -> list[VenueOrder | None]:
    """What may be sent now, recorded before it is sent: only by who leads, and only while it is open and wanted.

    Without a ``lead`` it is not asked for: whoever holds an exclusive venue's session is alone with it.
    """
    leading = await still_leading(batch, [each.lead for each in commands if each.lead])
    ours = [each.market_order_id for each in commands if each.lead is None or each.lead in leading]
    rows = await batch.connection.fetch(
        "UPDATE market_order m SET status = CASE WHEN m.status = 'CREATED' THEN 'SENT' ELSE m.status END"
        " FROM market_order before WHERE before.id = m.id AND m.id = ANY ($1) AND m.ended_at IS NULL"
        " AND m.status <> 'GATHERING' AND NOT EXISTS (SELECT 1 FROM venue_order v WHERE v.market_order_id = m.id"
        " AND v.sent_at IS NULL AND v.status = 'PENDING_CANCEL') RETURNING m.*, before.status AS status_before",
        ours,
    )
    await batch.connection.execute(
        "UPDATE venue_order SET sent_at = coalesce(sent_at, $2) WHERE market_order_id = ANY ($1)",
        [row["id"] for row in rows],
        batch.recorded_at,
    )
    first = sorted((row for row in rows if row["status_before"] == "CREATED"), key=lambda row: row["id"])
    await batch.post_facts([sent_entry(batch, row["book_id"], row["id"]) for row in first])
    sent = {row["id"]: as_sent(market_order_from(row)) for row in rows}
    return [sent.get(each.market_order_id) for each in commands]


def as_sent(made: MarketOrder) -> VenueOrder:
    """The order that the venue gets."""
    terms = made.terms
    return VenueOrder(
        made.id,
        made.instrument_id,
        made.side,
        made.quantity,
        terms.limit_price,
        terms.time_in_force,
        terms.expires_at,
    )


def sent_entry(batch: Batch, book: int, market_order: UUID) -> Entry:
    """It is sent now."""
    data = {"market_order": str(market_order)}
    return Entry(
        NewEvent(book, EventType.MARKET_ORDER_SENT, ENGINE, batch.effective_at, correlation=market_order, data=data)
    )
