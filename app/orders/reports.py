"""Reports come in: each execution is stored once and posted as the fact it is; what follows is shared out.

A market order with few participants is shared out in the same commit. One with many is planned and shared out in
chunks of its own (share_out_many.py), so that its journal is free for others in between.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

import structlog

from app.kernel.ids import new_id
from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.facts import bust_entry, change_entry, execution_entry
from app.orders.fill import fills_of
from app.orders.hear import Execution, Hearing, TakenBack, Told, in_order, progress_of
from app.orders.leave import stay_after_all
from app.orders.old_terms import in_old_terms
from app.orders.plan import Participant, Progress, plan
from app.orders.record_market_orders import record_market_orders, record_venue_orders
from app.orders.rows import market_order_from, units, venue_order_from
from app.orders.run import CHUNK, Part, participants_of, share_out_now
from app.orders.types import Group, MarketOrderStatus, VenueOrderStatus
from app.orders.unclear import report_contradictions, report_late_executions, report_refusals
from app.venues.port import ReportKind

log = structlog.get_logger(__name__)


class Heard(StrEnum):
    """What became of a report: taken in; to be shared out by a run; not understood until more is known; not ours."""

    TAKEN = "TAKEN"
    RUN = "RUN"
    ASK_AGAIN = "ASK_AGAIN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a report, and the groups in which orders wait that took another's place."""

    heard: Heard
    groups: Sequence[Group] = ()


async def apply_reports(batch: Batch, told: Sequence[Told]) -> list[Outcome]:
    """Take in what venues report; what was known already changes nothing."""
    everything = told
    outdated = await in_old_terms(batch, told)
    told = [each for each in told if each not in outdated]
    early = await _too_early(batch, told)
    by_order = in_order([each for each in told if each not in early])
    hearings = await _hearings(batch, list(by_order))
    running = await _running(batch, list(hearings))
    large = running | {id_ for id_, each in hearings.items() if each.market_order.participants > CHUNK}
    stored = await _store(batch, [each for each in told if each.report.client_order_id in hearings], large)
    heard: dict[UUID, Heard] = {each.report.client_order_id: Heard.ASK_AGAIN for each in early}
    entries: list[Entry] = []
    for id_, reports in by_order.items():
        if id_ not in hearings:
            log.error("report on an order that is not ours", client_order_id=str(id_))
            heard[id_] = Heard.UNKNOWN
            continue
        await _listen(batch, hearings[id_], reports, stored)
        entries += _facts(batch, hearings[id_])
    news: list[Progress] = []
    waiting: list[Hearing] = []
    for id_, hearing in hearings.items():
        entries += await stay_after_all(batch, hearing.market_order, hearing.refused)
        progress = progress_of(hearing.market_order, hearing.venue_order, hearing.standing)
        by_run = id_ in large
        if progress.ending is MarketOrderStatus.FILLED and not by_run:
            hearing.venue_order = replace(hearing.venue_order, status=VenueOrderStatus.FILLED)
        heard.setdefault(id_, _verdict(hearing, progress, by_run))
        if by_run or not _matters(hearing, progress):
            waiting.append(hearing)
        else:
            news.append(progress)
    groups = await share_out_now(batch, await _parts(batch, news), entries)
    await record_market_orders(batch, [each.market_order for each in waiting])
    await record_venue_orders(batch, [each.venue_order for each in hearings.values()])
    await report_late_executions(batch, list(hearings.values()))
    await report_refusals(batch, list(hearings.values()))
    return [Outcome(heard.get(each.report.client_order_id, Heard.TAKEN), groups) for each in everything]


def _verdict(hearing: Hearing, progress: Progress, by_run: bool) -> Heard:
    at_venue = hearing.venue_order
    if hearing.early:
        return Heard.ASK_AGAIN
    if progress.ending is None and hearing.market_order.ended_at is None and at_venue.status.is_final:
        return Heard.ASK_AGAIN  # its end was told, but not all of its executions
    return Heard.RUN if by_run else Heard.TAKEN


def _matters(hearing: Hearing, progress: Progress) -> bool:
    """Whether anything follows for the orders, or for the house."""
    return bool(progress.fill != progress.before or progress.taken_back or progress.ending or hearing.changed)


async def _parts(batch: Batch, news: Sequence[Progress]) -> list[Part]:
    participants = await participants_of(batch, [progress.market_order.id for progress in news])
    return [_part(progress, participants.get(progress.market_order.id, [])) for progress in news]


def _part(progress: Progress, participants: Sequence[Participant]) -> Part:
    planned = plan(progress, participants)
    fills = fills_of(progress, [each.order for each in participants], planned.allotments)
    return Part(progress, fills, planned.departed)


async def _hearings(batch: Batch, ids: Sequence[UUID]) -> dict[UUID, Hearing]:
    market_orders = await batch.connection.fetch(
        "SELECT * FROM market_order WHERE id = ANY ($1) AND journal_id = $2 ORDER BY id FOR UPDATE",
        ids,
        batch.journal.id,
    )
    at_venue = await batch.connection.fetch("SELECT * FROM venue_order WHERE market_order_id = ANY ($1)", ids)
    states = {row["market_order_id"]: venue_order_from(row) for row in at_venue}
    gone = {row["market_order_id"]: units(row["gone"]) for row in await batch.connection.fetch(_GONE, ids)}
    return {
        row["id"]: Hearing(market_order_from(row), states[row["id"]], gone.get(row["id"], 0)) for row in market_orders
    }


async def _running(batch: Batch, ids: Sequence[UUID]) -> set[UUID]:
    rows = await batch.connection.fetch(
        "SELECT market_order_id FROM allocation_run WHERE market_order_id = ANY ($1)", ids
    )
    return {row["market_order_id"] for row in rows}


async def _store(batch: Batch, told: Sequence[Told], by_run: Collection[UUID]) -> dict[tuple[UUID, str], UUID]:
    """Insert the executions, busts and corrections that are new; answers the ids they got.

    They are shared out in this commit, except those of market orders that are shared out ``by_run``.
    """
    dealt = [each for each in told if each.report.execution_id]
    if not dealt:
        return {}
    reports = [each.report for each in dealt]
    rows = await batch.connection.fetch(
        _STORE,
        batch.journal.tenant_id,
        batch.recorded_at,
        [new_id() for _ in dealt],
        [report.client_order_id for report in reports],
        [report.venue for report in reports],
        [each.trade_date for each in dealt],
        [report.execution_id for report in reports],
        [to_decimal(report.quantity) for report in reports],
        [to_decimal(report.price) for report in reports],
        [report.at for report in reports],
        [each.settles_on for each in dealt],
        [report.kind.value for report in reports],
        [report.client_order_id not in by_run for report in reports],
    )
    stored = {(row["market_order_id"], row["venue_execution_id"]): row["id"] for row in rows}
    await report_contradictions(batch, dealt, stored)
    return stored


async def _listen(batch: Batch, hearing: Hearing, told: Sequence[Told], stored: dict[tuple[UUID, str], UUID]) -> None:
    for each in told:
        report = each.report
        id_ = stored.pop((report.client_order_id, report.execution_id), None)
        if report.kind is ReportKind.EXECUTION:
            if id_ is None:
                hearing.hear_again(report)
            else:
                hearing.execute(Execution(id_, report.quantity, report.price, allocated=False), each)
        elif report.kind in (ReportKind.BUST, ReportKind.CORRECTION):
            if id_ is not None:
                await _take_back(batch, hearing, each, id_)
        else:
            hearing.hear(report, batch.recorded_at)


async def _take_back(batch: Batch, hearing: Hearing, told: Told, id_: UUID) -> None:
    """Take back what a bust or correction refers to, unless that was taken back before."""
    report = told.report
    row = await batch.connection.fetchrow(
        "UPDATE execution SET standing = false WHERE market_order_id = $1 AND venue = $2 AND venue_execution_id = $3"
        " AND standing AND id <> $4 AND kind <> 'BUST' RETURNING id, quantity, price, allocated",
        *(report.client_order_id, report.venue, report.refers_to, id_),
    )
    if row is None:
        await batch.connection.execute("UPDATE execution SET standing = false WHERE id = $1", id_)
        return
    new = {execution.id for execution, _ in hearing.executions}
    shared = row["allocated"] and row["id"] not in new
    was = Execution(row["id"], units(row["quantity"]), units(row["price"]), shared)
    instead = None
    if report.kind is ReportKind.CORRECTION:
        instead = Execution(id_, report.quantity, report.price, shared)
    await batch.connection.execute(
        "UPDATE execution SET refers_to = $2, standing = $3, allocated = $4,"
        " price = CASE WHEN $3 THEN price ELSE $5 END WHERE id = $1",
        *(id_, was.id, instead is not None, row["allocated"], row["price"]),
    )
    hearing.take_back(TakenBack(was, told, instead))


async def _too_early(batch: Batch, told: Sequence[Told]) -> list[Told]:
    """Busts and corrections of executions that have not come yet: the venue will be asked to tell again."""
    backward = [each for each in told if each.report.kind in (ReportKind.BUST, ReportKind.CORRECTION)]
    if not backward:
        return []
    rows = await batch.connection.fetch(
        "SELECT market_order_id, venue_execution_id FROM execution WHERE market_order_id = ANY ($1)",
        [each.report.client_order_id for each in backward],
    )
    known = {(row["market_order_id"], row["venue_execution_id"]) for row in rows}
    known |= {(each.report.client_order_id, each.report.execution_id) for each in told}
    return [each for each in backward if (each.report.client_order_id, each.report.refers_to) not in known]


def _facts(batch: Batch, hearing: Hearing) -> list[Entry]:
    made = hearing.market_order
    return [
        *(execution_entry(batch.journal, made, execution, told.report) for execution, told in hearing.executions),
        *(bust_entry(batch.journal, made, taken) for taken in hearing.taken_back),
        *(change_entry(made, report) for report in (*hearing.changed, *hearing.refused)),
    ]


#: What was executed once and does not stand, less what corrections put in its place.
_GONE = """
SELECT market_order_id, sum(CASE WHEN standing THEN -quantity ELSE quantity END) AS gone FROM execution
WHERE market_order_id = ANY ($1) AND (NOT standing AND kind <> 'BUST' OR standing AND kind = 'CORRECTION')
GROUP BY market_order_id
"""

_STORE = """
INSERT INTO execution (id, tenant_id, market_order_id, venue, trade_date, venue_execution_id, quantity, price,
  executed_at, recorded_at, settles_on, kind, allocated)
SELECT id, $1, market_order, venue, trade_date, execution, quantity, greatest(price, 0.00000001), executed_at, $2,
  settles_on, kind, allocated
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::date[], $7::text[], $8::numeric[], $9::numeric[],
            $10::timestamptz[], $11::date[], $12::text[], $13::boolean[])
  AS u(id, market_order, venue, trade_date, execution, quantity, price, executed_at, settles_on, kind, allocated)
ON CONFLICT (venue, trade_date, venue_execution_id) DO NOTHING RETURNING id, market_order_id, venue_execution_id
"""
