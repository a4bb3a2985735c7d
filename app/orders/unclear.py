"""What a venue says, or does not say, that only a person can decide about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.kernel.money import to_decimal, to_text
from app.ledger.batch import Batch
from app.orders.hear import Hearing, Told
from app.orders.progress import ENGINE
from app.venues.port import ReportKind

#: After so many refusals in a row somebody should look: what is only too late, or too early, comes to an end by itself.
REFUSED_OFTEN: Final = 10


@dataclass(frozen=True, slots=True)
class Unclear:
    """Something about a market order that is unclear, in words for an operator."""

    market_order_id: UUID
    summary: str


async def report_unclear(batch: Batch, commands: Sequence[Unclear]) -> list[UUID]:
    """Open a case about each market order, or add to the one that is open; answers the cases' ids."""
    return await open_cases(
        batch,
        [
            OpenCase(
                CaseKind.VENUE_ORDER_UNCLEAR,
                Subject(SubjectType.MARKET_ORDER, each.market_order_id),
                each.summary,
                ENGINE,
            )
            for each in commands
        ],
    )


async def report_late_executions(batch: Batch, hearings: Sequence[Hearing]) -> None:
    """Executions after a market order had ended: they are the house's, and somebody should know."""
    late = [
        Unclear(
            made.id,
            f"{told.report.venue} executed {to_text(execution.quantity)} at {to_text(execution.price)}"
            f" ({told.report.execution_id}) {'after the order had ended' if made.ended_at else 'beyond the order'};"
            " the house took what was too much.",
        )
        for hearing in hearings
        if (made := hearing.market_order).ended_at is not None or made.filled_quantity > made.quantity
        for execution, told in hearing.executions
    ]
    if late:
        await report_unclear(batch, late)


async def report_refusals(batch: Batch, hearings: Sequence[Hearing]) -> None:
    """A venue that refuses each request about an order: what it says of it is not what we think, or it is stuck."""
    often = [
        Unclear(
            hearing.market_order.id,
            f"{refused.venue} has refused {count} requests about this order, one after the other;"
            f" it said of the last: {refused.reason or 'nothing'}.",
        )
        for hearing in hearings
        for refused in hearing.refused
        if (count := refused.number - hearing.venue_order.accepted) % REFUSED_OFTEN == 0
    ]
    if often:
        await report_unclear(batch, often)


async def report_contradictions(batch: Batch, told: Sequence[Told], stored: Collection[tuple[UUID, str]]) -> None:
    """Execution ids that came before with another order, quantity or price: the first counts, a person decides."""
    dealt = [
        each
        for each in told
        if each.report.kind is ReportKind.EXECUTION
        and (each.report.client_order_id, each.report.execution_id) not in stored
    ]
    if not dealt:
        return
    rows = await batch.connection.fetch(
        _CONTRADICTIONS,
        [each.report.client_order_id for each in dealt],
        [each.report.venue for each in dealt],
        [each.trade_date for each in dealt],
        [each.report.execution_id for each in dealt],
        [to_decimal(each.report.quantity) for each in dealt],
        [to_decimal(each.report.price) for each in dealt],
    )
    if rows:
        await report_unclear(
            batch,
            [
                Unclear(
                    row["told_of"],
                    f"{row['venue']} reports execution {row['execution']} of {row['told']:f} at {row['at']:f}, but that"
                    f" id stands for {row['quantity']:f} at {row['price']:f} of market order {row['market_order_id']}.",
                )
                for row in rows
            ],
        )


_CONTRADICTIONS = """
SELECT u.market_order AS told_of, u.venue, u.execution, u.quantity AS told, u.price AS at,
  e.quantity, e.price, e.market_order_id
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::numeric[], $6::numeric[])
  AS u(market_order, venue, trade_date, execution, quantity, price)
JOIN execution e ON e.venue = u.venue AND e.trade_date = u.trade_date AND e.venue_execution_id = u.execution
WHERE e.market_order_id <> u.market_order OR e.quantity <> u.quantity OR e.price <> u.price
"""
