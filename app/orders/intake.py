"""Takes in what venues report, and has it shared out."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.ledger.writers import Writers
from app.market.market import Market
from app.orders.hear import Told
from app.orders.reports import Heard, Outcome, apply_reports
from app.orders.run import CHUNK
from app.orders.share_out_many import begin_run, share_out_chunk
from app.orders.types import Group
from app.orders.unclear import Unclear, report_unclear
from app.venues.port import Report, ReportKind, Venue

_DEALS = (ReportKind.EXECUTION, ReportKind.CORRECTION)

log = structlog.get_logger(__name__)

#: What was not understood is asked for again after this long.
ASK_AGAIN = timedelta(seconds=1)


@dataclass(slots=True)
class Intake:
    """What venues said, on its way into the journals.

    ``to_run`` are market orders to be shared out in chunks, ``under_way`` those that are;
    ``to_ask`` those whose venue is to be asked, and when.
    """

    pool: EnginePool
    writers: Writers
    market: Market
    clock: Clock
    notice: Callable[[Group], None]
    to_run: set[UUID] = field(default_factory=set)
    under_way: set[UUID] = field(default_factory=set)
    to_ask: dict[UUID, datetime] = field(default_factory=dict)

    async def take_in(self, venue: Venue, reports: Sequence[Report]) -> None:
        """Apply the reports, each alone, and tell the venue which are. Raises what failed, after the rest."""
        where = await self._where({report.client_order_id for report in reports})
        ours = [report for report in reports if report.client_order_id in where]
        for stranger in {report.client_order_id for report in reports} - where.keys():
            log.error("report on an order that is not ours", venue=venue.name, client_order_id=str(stranger))
        outcomes = await asyncio.gather(
            *(self._apply(*where[report.client_order_id], report) for report in ours), return_exceptions=True
        )
        failures = [each for each in outcomes if isinstance(each, BaseException)]
        failed = {id(report) for report, each in zip(ours, outcomes, strict=True) if isinstance(each, BaseException)}
        for report, outcome in zip(ours, outcomes, strict=True):
            if isinstance(outcome, Outcome):
                self._follow(report, outcome)
        await venue.taken([report for report in reports if id(report) not in failed])
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise BaseExceptionGroup("some reports could not be taken in", failures)

    async def _apply(self, journal_id: int, instrument_id: int, participants: int, report: Report) -> Outcome:
        if report.kind in _DEALS and (report.quantity <= 0 or report.price <= 0):
            told = f"{report.quantity} units at {report.price} units of a dollar"
            unclear = Unclear(report.client_order_id, f"{report.venue} reports {report.kind} of {told}: left out.")
            await self.writers.of_journal(journal_id).submit(report_unclear, unclear)
            return Outcome(Heard.UNKNOWN)
        dates = self.market.trade_dates(self.market.instruments[instrument_id], report.at)
        weight = 1 if participants > CHUNK or report.kind is ReportKind.NEW else max(1, participants)
        return await self.writers.of_journal(journal_id).submit(apply_reports, Told(report, *dates), weight=weight)

    def _follow(self, report: Report, outcome: Outcome) -> None:
        if outcome.heard is Heard.RUN:
            self.to_run.add(report.client_order_id)
        if outcome.heard is Heard.ASK_AGAIN or report.kind is ReportKind.CHANGE_REJECTED:
            self.to_ask.setdefault(report.client_order_id, self.clock.now() + ASK_AGAIN)
        for group in outcome.groups:
            self.notice(group)

    async def share_out(self, market_order: UUID) -> None:
        """Share out what is new of a large market order, chunk by chunk, until nothing is."""
        if market_order in self.under_way:
            return  # a second plan of the same would only fail; what came too late for it is found in the database
        self.under_way.add(market_order)
        try:
            await self._share_out(market_order)
        finally:
            self.under_way.discard(market_order)

    async def _share_out(self, market_order: UUID) -> None:
        journal_id, *_ = (await self._where({market_order}))[market_order]
        writer = self.writers.of_journal(journal_id)
        while await begin_run(self.pool, market_order):
            more = True
            while more:
                done = await writer.submit(share_out_chunk, market_order, weight=CHUNK)
                more = done.more
                for group in done.groups:
                    self.notice(group)

    async def _where(self, market_orders: set[UUID]) -> dict[UUID, tuple[int, int, int]]:
        """Journal, instrument and number of participants of each market order that is ours."""
        if not market_orders:
            return {}
        rows = await self.pool.fetch(
            "SELECT id, journal_id, instrument_id, participants FROM market_order WHERE id = ANY ($1)", market_orders
        )
        return {row["id"]: (row["journal_id"], row["instrument_id"], row["participants"]) for row in rows}
