"""The order engine: closes windows, sends market orders, takes in what the venue reports.

Everything it knows is in the database; what it keeps in memory only saves looking. ``run_due`` does what is due at
the clock's time and says when to look again, so tests drive it step by step; ``run`` does so for ever.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.kernel.ids import new_id
from app.ledger.writers import Writers
from app.market.market import Market
from app.market.types import Side
from app.market.windows import window_length
from app.orders.close_window import CloseWindow, close_windows
from app.orders.execute import HOUSE, apply_reports
from app.orders.recover import claim_stale, journals_to_settle, waiting_windows
from app.orders.request import reference_price
from app.orders.send import Sending, mark_sent
from app.orders.settle import SettleDue, settle_due
from app.orders.types import Capacity, MarketOrder
from app.venues.port import Report, ReportKind, Venue, VenueOrder

log = structlog.get_logger(__name__)

#: How often the database is asked for work that memory doesn't know of (another process's, or a crash's).
LOOK_AGAIN = timedelta(seconds=1)

#: Work that takes longer (seconds) no longer holds up other work.
PATIENCE = 0.25

Window = tuple[int, int, Side]


class OrderEngine:
    """One per process; any number may share a database."""

    def __init__(self, pool: EnginePool, writers: Writers, market: Market, venue: Venue, *, clock: Clock) -> None:
        self.id = new_id()
        self._pool = pool
        self._writers = writers
        self._market = market
        self._venue = venue
        self._clock = clock
        self._windows: dict[Window, datetime] = {}
        self._wake = asyncio.Event()
        self._looked_at: datetime | None = None
        self._failures: list[Exception] = []
        self._late: set[asyncio.Task[None]] = set()
        venue.listen(self._wake.set)

    def notice(self, journal_id: int, instrument_id: int, side: Side) -> None:
        """An order was accepted: its window is open from now on, if it wasn't."""
        window = (journal_id, instrument_id, side)
        if window not in self._windows:
            self._windows[window] = self._clock.now()
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. A failure is logged and tried again: the work is still in the database."""
        while True:
            try:
                next_at = await self.run_due()
            except Exception:
                log.exception("order engine stumbled")
                next_at = self._next_at(self._clock.now())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.001, (next_at - self._clock.now()).total_seconds()))
            self._wake.clear()

    async def run_due(self) -> datetime:
        """Do everything that is due now; answers when to look again.

        What fails doesn't hold up the rest: it is raised at the end, and found again in the database.
        """
        self._failures.clear()
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= LOOK_AGAIN:
            self._looked_at = now
            await self._each([self._look_again(now)])
        await self._each([self._deal(window) for window in list(self._windows) if self._is_due(window, now)])
        await self._take_in(await self._venue.reports(self._clock.now()))
        if self._failures:
            raise ExceptionGroup("the order engine could not do everything", self._failures)
        return self._next_at(now)

    async def _each(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Do all of it concurrently; what fails is kept for the end.

        What takes long (a tenant whose journal is locked, a venue that does not answer) goes on by itself: the others
        are not made to wait for it.
        """
        tasks = [asyncio.create_task(work) for work in works]
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            self._late.add(task)
            task.add_done_callback(self._came_late)
        for task in done:
            if isinstance(error := task.exception(), Exception):
                self._failures.append(error)

    def _came_late(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("order engine stumbled, late", error=repr(error))

    def _is_due(self, window: Window, now: datetime) -> bool:
        at = self._due_at(window)
        return at is not None and at <= now

    def _due_at(self, window: Window) -> datetime | None:
        """When the window closes; None while its instrument doesn't trade, or is not one that we know."""
        instrument = self._market.instruments.get(window[1])
        if instrument is None or not self._market.is_open(instrument):
            return None
        return self._windows[window] + window_length(instrument, self._market.clock.now())

    async def _deal(self, window: Window) -> None:
        """Close the window, and send what it has become."""
        made = await self._close(window)
        if made is not None:
            await self._send(made)

    async def _close(self, window: Window) -> MarketOrder | None:
        journal_id, instrument_id, side = window
        instrument, quote = self._market.instruments[instrument_id], self._market.quote(instrument_id)
        if quote is None:
            return None  # and the window stays open until there is one
        opened_at = self._windows.pop(window)
        trade_date, settles_on = self._market.trade_dates(instrument)
        price = reference_price(side, quote)
        command = CloseWindow(
            instrument_id, side, opened_at, price, instrument.whole_shares, trade_date, settles_on, self.id
        )
        closed = await self._writers.of_journal(journal_id).submit(close_windows, command)
        if closed.open_since is not None:
            self._windows.setdefault(window, closed.open_since)
        return closed.market_order

    async def _send(self, made: MarketOrder) -> None:
        """Send it, if it is still ours to send; the venue recognises what it has already."""
        if made.capacity is Capacity.PRINCIPAL:
            await self._take_in([_house_fill(made, self._market.clock.now())])
        elif await self._writers.of_journal(made.journal_id).submit(mark_sent, Sending(made.id, self.id)):
            await self._venue.submit(_as_sent(made))

    async def _take_in(self, reports: Sequence[Report]) -> None:
        journals = await self._journals({report.client_order_id for report in reports})
        await self._each(
            self._apply(journals[report.client_order_id], report)
            for report in reports
            if report.client_order_id in journals
        )

    async def _apply(self, journal_id: int, report: Report) -> None:
        await self._writers.of_journal(journal_id).submit(apply_reports, report)
        if report.venue == self._venue.name:
            await self._venue.taken([report])

    async def _journals(self, market_orders: set[UUID]) -> dict[UUID, int]:
        if not market_orders:
            return {}
        rows = await self._pool.fetch("SELECT id, journal_id FROM market_order WHERE id = ANY ($1)", market_orders)
        return {row["id"]: row["journal_id"] for row in rows}

    async def _look_again(self, now: datetime) -> None:
        """Find windows, market orders and settlements that only the database knows of."""
        await self._writers.all()
        for window, opened_at in (await waiting_windows(self._pool)).items():
            self._windows.setdefault(window, opened_at)
        await self._each([self._resume(made) for made in await claim_stale(self._pool, self.id, now)])
        today = self._market.today()
        due = await journals_to_settle(self._pool, today)
        await self._each([self._settle(journal_id, today) for journal_id in due])

    async def _settle(self, journal_id: int, today: date) -> None:
        await self._writers.of_journal(journal_id).submit(settle_due, SettleDue(today))

    async def _resume(self, made: MarketOrder) -> None:
        """Ask the venue what became of the order; send it only if the venue has never heard of it."""
        if made.capacity is Capacity.PRINCIPAL or not await self._venue.knows(_as_sent(made)):
            await self._send(made)

    def _next_at(self, started: datetime) -> datetime:
        """The next time that is known, of what was not due when the last look ``started``."""
        now = self._clock.now()
        windows = [self._due_at(window) for window in self._windows]
        known = [at for at in (*windows, self._venue.next_report_at()) if at is not None and at > started]
        return max(now, min([now + LOOK_AGAIN, *known]))


def _as_sent(made: MarketOrder) -> VenueOrder:
    return VenueOrder(made.id, made.instrument_id, made.side, made.quantity)


def _house_fill(made: MarketOrder, at: datetime) -> Report:
    """The house deals with its customers itself, at the quote: there is no whole share to deal in the market."""
    return Report(HOUSE, made.id, ReportKind.EXECUTION, at, f"{made.id}", made.requested, made.reference_price)
