"""What a venue says of deals that were made before a split or a merger, after it: its figures are in terms that no
account knows any more, so nothing is posted, and a person decides what to make of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.orders.hear import Told
from app.orders.unclear import Unclear, report_unclear


async def change_terms(batch: Batch, instrument_id: int, action_id: UUID) -> None:
    """From this commit on the instrument's shares are in other terms."""
    await batch.connection.execute(
        "INSERT INTO terms_change (journal_id, instrument_id, changed_at, tenant_id, action_id)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        *(batch.journal.id, instrument_id, batch.recorded_at, batch.journal.tenant_id, action_id),
    )


async def changed_since(batch: Batch, instruments: Collection[int], at: datetime) -> bool:
    """Whether shares of one of these are in other terms than when something was recorded ``at``."""
    found: bool = await batch.connection.fetchval(_CHANGED, batch.journal.id, list(instruments), at)
    return found


async def in_old_terms(batch: Batch, told: Sequence[Told]) -> list[Told]:
    """News of deals in terms that hold no more; each becomes part of a case. What was known already is no news."""
    dealt = [each for each in told if each.report.execution_id]
    if not dealt:
        return []
    rows = await batch.connection.fetch(_OLD, batch.journal.id, [each.report.client_order_id for each in dealt])
    if not rows:
        return []
    old = {row["id"] for row in rows}
    known = {
        (row["market_order_id"], row["venue_execution_id"])
        for row in await batch.connection.fetch(
            "SELECT market_order_id, venue_execution_id FROM execution WHERE market_order_id = ANY ($1)", list(old)
        )
    }
    found = [
        each
        for each in dealt
        if each.report.client_order_id in old and (each.report.client_order_id, each.report.execution_id) not in known
    ]
    await report_unclear(batch, [Unclear(each.report.client_order_id, _summary(each)) for each in found])
    return found


def _summary(told: Told) -> str:
    report = told.report
    refers = f" of {report.refers_to}" if report.refers_to else ""
    return (
        f"{report.venue} tells of {report.kind.lower()} {report.execution_id}{refers}, {to_text(report.quantity)} at"
        f" {to_text(report.price)}, dealt before the terms of the share changed; nothing is posted for it."
    )


_CHANGED = """
SELECT EXISTS (SELECT 1 FROM terms_change WHERE journal_id = $1 AND instrument_id = ANY ($2) AND changed_at >= $3)
"""

_OLD = """
SELECT m.id FROM market_order m WHERE m.journal_id = $1 AND m.id = ANY ($2) AND EXISTS (
  SELECT 1 FROM terms_change c
  WHERE c.journal_id = m.journal_id AND c.instrument_id = m.instrument_id AND c.changed_at > m.created_at)
"""
