"""The order engine: closes windows, sends market orders, takes in what venues report, settles.

Everything it knows is in the database; what it keeps in memory only saves looking. ``run_due`` does what is due at
the clock's time and says when to look again, so tests drive it step by step; ``run`` does so for ever. Any number of
processes may run one: each leads some shards of the instruments (lead.py), and another takes over within a second.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from app.infra.database import LOST, EnginePool
from app.infra.hub import Hub
from app.kernel.clock import Clock
from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.ledger.writers import Writers
from app.market.market import Market
from app.market.types import Instrument
from app.orders import recover
from app.orders.cancel import CancelOrder, cancel
from app.orders.dealing import Dealing
from app.orders.expire import expired
from app.orders.intake import Intake
from app.orders.lead import RENEW_EVERY, give_up, lead, shard_of
from app.orders.settle import SettleDue, settle_due
from app.orders.stop import stopped_orders
from app.orders.types import Group
from app.venues.port import Venue
from app.venues.profile import VenueProfile
from app.venues.venues import Venues

log = structlog.get_logger(__name__)

#: How often the database is asked for work that memory doesn't know of (another process's, or a crash's).
LOOK_AGAIN = timedelta(seconds=1)

#: How long (seconds) work may hold up other work.
PATIENCE = 0.25

#: The hub's name for orders that wait for whoever leads their shard.
STREAM = "orders"


class OrderEngine:
    """One per process; any number may share a database. Leases go by the database's clock, unless one is given.

    Work that takes longer than ``patience`` (seconds) holds up no other work.
    """

    def __init__(
        self,
        pool: EnginePool,
        writers: Writers,
        market: Market,
        venues: Venues,
        hub: Hub,
        *,
        clock: Clock,
        lease_clock: Clock | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.id = new_id()
        self._pool = pool
        self._writers = writers
        self._market = market
        self._venues = venues
        self._hub = hub
        self._clock = clock
        self._lease_clock = lease_clock
        self._patience = patience
        self._intake = Intake(pool, writers, market, clock, self.notice)
        self._dealing = Dealing(writers, market, venues, clock, self._intake.take_in, self._intake.share_out)
        self._wake = asyncio.Event()
        self._looked_at: datetime | None = None
        self._led_at: datetime | None = None
        self._to_let_go: set[tuple[UUID, int, int]] = set()
        self._failures: list[Exception] = []
        self._late: set[asyncio.Task[None]] = set()
        for venue in venues.by_name.values():
            venue.listen(self._wake.set)

    def notice(self, group: Group) -> None:
        """An order was accepted: its window is open from now on, if it wasn't."""
        if self._led_at is not None and shard_of(group.instrument_id) not in self._dealing.leads:
            self._hub.ring([STREAM])
            return
        self._dealing.sizes[group] += 1
        if group not in self._dealing.windows:
            self._dealing.windows[group] = self._clock.now()
            self._wake.set()

    def notice_leaving(self, market_order: UUID, journal_id: int, instrument_id: int) -> None:
        """An order wants to leave its market order."""
        if shard_of(instrument_id) in self._dealing.leads:
            self._to_let_go.add((market_order, journal_id, instrument_id))
            self._wake.set()
        else:
            self._hub.ring([STREAM])

    def profile(self, instrument: Instrument) -> VenueProfile:
        """How the instrument is dealt in now."""
        return self._venues.profile(instrument, self._market.clock.now())

    def look(self) -> None:
        """Something happened that leaves work in the database: look there now, in every process."""
        self._looked_at = None
        self._wake.set()
        self._hub.ring([STREAM])

    async def run(self) -> None:
        """Work until cancelled. A failure is logged and tried again: the work is still in the database."""
        try:
            async with self._hub.listen(STREAM) as bell, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._answer(bell.wait))
                await self._work()
        finally:
            try:
                await asyncio.shield(give_up(self._pool, self.id))
            except LOST as error:  # the leases run out by themselves
                log.warning("leases were not given up", error=repr(error))

    async def _answer(self, ring: Any) -> None:
        while True:
            if await ring(60.0):
                self._looked_at = None
                self._wake.set()

    async def _work(self) -> None:
        while True:
            try:
                next_at = await self.run_due()
            except Exception:
                log.exception("order engine stumbled")
                next_at = self._next_at(self._clock.now())
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the waking.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, (next_at - self._clock.now()).total_seconds())):
                    await self._wake.wait()
            self._wake.clear()

    async def run_due(self) -> datetime:
        """Do everything that is due now; answers when to look again.

        What fails doesn't hold up the rest: it is raised at the end, and found again in the database.
        """
        self._failures.clear()
        now = self._clock.now()
        dealing, intake = self._dealing, self._intake
        if self._led_at is None or now - self._led_at >= RENEW_EVERY:
            await self._each([self._lead(now)])
        if self._looked_at is None or now - self._looked_at >= LOOK_AGAIN:
            self._looked_at = now
            await self._each([self._look_again(now)])
        due = [group for group in list(dealing.windows) if (at := dealing.due_at(group)) is not None and at <= now]
        await self._each(dealing.deal(group) for group in due)
        leaving, self._to_let_go = self._to_let_go, set()
        await self._each(dealing.let_go(*each) for each in leaving)
        await self._each(self._take_in(venue) for venue in self._venues.by_name.values())
        to_run, intake.to_run = intake.to_run, set()
        await self._each(intake.share_out(market_order) for market_order in to_run)
        await self._ask(now)
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
        done, late = await asyncio.wait(tasks, timeout=self._patience)
        for task in late:
            self._late.add(task)
            task.add_done_callback(self._came_late)
        for task in done:
            if isinstance(error := task.exception(), Exception):
                self._failures.append(error)

    def _came_late(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("order engine stumbled, late", error=repr(error))

    async def _lead(self, now: datetime) -> None:
        """Renew what this process leads. Of shards that it takes over it goes on with everything that is open."""
        self._led_at = now
        before = self._dealing.leads
        self._dealing.leads = await lead(self._pool, self.id, self._lease_clock.now() if self._lease_clock else None)
        taken = [shard for shard, found in self._dealing.leads.items() if before.get(shard) != found]
        if taken:
            self._looked_at = None
            await self._writers.all()
            async for found in recover.open_orders(self._pool, self._ours(taken)):
                await self._each(self._dealing.resume(each) for each in found)

    def _ours(self, shards: Collection[int]) -> recover.Ours:
        exclusive = [venue for venue in self._venues.by_name.values() if venue.exclusive]
        return recover.Ours(
            shards, [venue.name for venue in exclusive], [venue.name for venue in exclusive if venue.ready()]
        )

    async def _take_in(self, venue: Venue) -> None:
        reports = await venue.reports(self._clock.now())
        if reports:
            await self._intake.take_in(venue, reports)

    async def _ask(self, now: datetime) -> None:
        """Ask venues again about orders of which something was not understood."""
        due = [id_ for id_, at in self._intake.to_ask.items() if at <= now]
        for id_ in due:
            del self._intake.to_ask[id_]
        await self._each(self._dealing.resume(found) for found in await recover.these_orders(self._pool, due))

    async def _look_again(self, now: datetime) -> None:
        """Find windows, market orders and settlements that only the database knows of."""
        await self._writers.all()
        shards = list(self._dealing.leads)
        for group, opened_at in (await recover.waiting_groups(self._pool, shards)).items():
            self._dealing.windows.setdefault(group, opened_at)
        await self._end_all(expired)
        await self._end_all(stopped_orders)
        self._to_let_go |= set(await recover.leaving(self._pool, shards))
        self._intake.to_run |= set(await recover.running(self._pool, shards))
        silent = await recover.silent_orders(self._pool, self._ours(shards), now)
        await recover.asked(self._pool, silent)
        await self._each(self._dealing.resume(found) for found in silent)
        today = self._market.today()
        due = await recover.journals_to_settle(self._pool, today)
        await self._each([self._settle(journal_id, today) for journal_id in due])

    async def _end_all(self, found: Callable[[EnginePool, datetime], Awaitable[list[tuple[int, CancelOrder]]]]) -> None:
        """End what is found, and what is found then, until it is nothing new."""
        before: set[UUID] = set()
        while orders := await found(self._pool, self._market.clock.now()):
            ids = {command.order_id for _, command in orders}
            if ids <= before:
                return
            before |= ids
            await self._each(self._end(*each) for each in orders)

    async def _end(self, journal_id: int, command: CancelOrder) -> None:
        with contextlib.suppress(Refusal):  # it has ended meanwhile
            await self._writers.of_journal(journal_id).submit(cancel, command)

    async def _settle(self, journal_id: int, today: date) -> None:
        await self._writers.of_journal(journal_id).submit(settle_due, SettleDue(today))

    def _next_at(self, started: datetime) -> datetime:
        """The next time that is known, of what was not due when the last look ``started``."""
        now = self._clock.now()
        windows = [self._dealing.due_at(group) for group in self._dealing.windows]
        reports = [venue.next_report_at() for venue in self._venues.by_name.values()]
        known = [at for at in (*windows, *reports, *self._intake.to_ask.values()) if at is not None and at > started]
        return max(now, min([now + RENEW_EVERY, *known]))
