"""Whatever is ordered, changed, priced and restarted, in whatever order: the paper venue tells one consistent story."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from app.infra import embedded
from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import ManualClock
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT
from app.market.types import Side, TimeInForce
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Change, ReportKind, VenueOrder
from tests.conftest import fresh_database
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, InProcess
from tests.world import WEDNESDAY

chances = st.sampled_from((0.0, 0.0, 0.2, 0.6))
behaviours = st.builds(
    PaperBehaviour,
    seed=st.integers(0, 10**6),
    reject=st.sampled_from((0.0, 0.1)),
    leave_rest=chances,
    split=st.just(0.7),
    bust=st.sampled_from((0.0, 0.3)),
    correct=st.sampled_from((0.0, 0.3)),
    lose=chances,
    duplicate=chances,
    reorder=chances,
    acknowledge_ms=st.just((0, 30)),
    first_ms=st.just((0, 120)),
    next_ms=st.just((0, 200)),
    answer_ms=st.just((0, 60)),
    aftermath_ms=st.just((0, 1_500)),
    slip_cents=st.just(3),
)
Step = Callable[["Schedule"], object]


@dataclass
class Schedule:
    """Two processes at one venue, and what our side sent and heard in both."""

    pool: EnginePool
    behaviour: PaperBehaviour
    clock: ManualClock = field(default_factory=lambda: ManualClock(WEDNESDAY))
    rooms: list[InProcess] = field(default_factory=list)
    tales: list[Tale] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        def make(market: object, clock: ManualClock) -> PaperVenue:
            return PaperVenue(self.pool, market, clock=clock, behaviour=self.behaviour)  # type: ignore[arg-type]

        self.rooms = [InProcess(make, self.clock) for _ in range(2)]

    async def order(self, room: int, side: Side, units: int, limit: int | None, until: timedelta | None) -> None:
        time_in_force = TimeInForce.DAY if until is None else TimeInForce.GTD
        expires_at = None if until is None else self.clock.now() + until
        order = VenueOrder(new_id(), INSTRUMENT.id, side, units, limit, time_in_force, expires_at)
        self.tales.append(Tale(order))
        await self.rooms[room].venue.submit(order)

    async def change(self, room: int, which: int, share: int | None) -> None:
        """Lower to ``share`` tenths of what was ordered, or cancel. The number follows the last that was answered."""
        if not self.tales:
            return
        tale = self.tales[which % len(self.tales)]
        sent = [each for each in self.changes if each.order == tale.order]
        if any(tale.answer(each.number) is None for each in sent):
            return  # only one is under way at a time
        accepted = [each.number for each in tale.reports if each.kind in (ReportKind.REPLACED, ReportKind.CANCELED)]
        quantity = None if share is None else tale.order.quantity * share // 10
        self.changes.append(Change(tale.order, len(sent) + 1, max(accepted, default=0), quantity))
        await self.rooms[room].venue.change(self.changes[-1])

    async def repeat(self, room: int, which: int) -> None:
        if self.changes:
            await self.rooms[room].venue.change(self.changes[which % len(self.changes)])

    async def ask(self, room: int, which: int) -> None:
        if self.tales:
            assert await self.rooms[room].venue.knows(self.tales[which % len(self.tales)].order)

    async def price(self, cents: int) -> None:
        for room in self.rooms:
            room.set_price(Decimal(cents) / 100)

    async def restart(self, room: int) -> None:
        await self.rooms[room].restart()

    async def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        for reports in await asyncio.gather(*(room.venue.reports(self.clock.now()) for room in self.rooms)):
            for tale in self.tales:
                tale.listen(reports)
        for tale in self.tales:
            tale.check(complete=False)

    async def whole_stories(self) -> list[Tale]:
        """All is told in one piece to a process that has just started."""
        for _ in range(40):
            await self.pass_time(timedelta(milliseconds=100))
        await self.restart(0)
        whole = [Tale(tale.order) for tale in self.tales]
        for tale in whole:
            assert await self.rooms[0].venue.knows(tale.order)
        told = await self.rooms[0].venue.reports(self.clock.now())
        for tale in whole:
            tale.listen(told)
        return whole


rooms = st.integers(0, 1)
which = st.integers(0, 5)
units = st.one_of(st.integers(1, 300).map(lambda n: n * UNIT), st.integers(1, 5 * UNIT))
limits = st.one_of(st.none(), st.integers(9_950, 10_050).map(lambda cents: cents * CENT))
steps = st.one_of(
    st.builds(
        lambda *arguments: lambda schedule: schedule.order(*arguments),
        *(rooms, st.sampled_from(Side), units, limits),
        st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=1))),
    ),
    st.builds(
        lambda *arguments: lambda schedule: schedule.change(*arguments),
        *(rooms, which, st.one_of(st.none(), st.integers(0, 11))),
    ),
    st.builds(lambda *arguments: lambda schedule: schedule.repeat(*arguments), rooms, which),
    st.builds(lambda *arguments: lambda schedule: schedule.ask(*arguments), rooms, which),
    st.builds(lambda cents: lambda schedule: schedule.price(cents), st.integers(9_950, 10_050)),
    st.builds(lambda room: lambda schedule: schedule.restart(room), rooms),
    st.builds(
        lambda by: lambda schedule: schedule.pass_time(by),
        st.one_of(st.timedeltas(timedelta(0), timedelta(milliseconds=300)), st.just(timedelta(hours=9))),
    ),
)


@pytest.mark.timeout(300)
def test_the_reports_tell_one_consistent_story(postgres: embedded.Server, template: str) -> None:
    with fresh_database(postgres, template) as url:

        @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(behaviours, st.lists(steps, min_size=5, max_size=40))
        def check(behaviour: PaperBehaviour, schedule: list[Step]) -> None:
            asyncio.run(_follow(url, behaviour, schedule))

        check()


async def _follow(url: str, behaviour: PaperBehaviour, steps: list[Step]) -> None:
    pool = await engine_pool(url, 3)
    try:
        # What an earlier example left is none of ours.
        await pool.execute("UPDATE paper.venue_order SET untaken = false, due_at = NULL")
        schedule = Schedule(pool, behaviour)
        for step in steps:
            await step(schedule)  # type: ignore[misc]
        for heard, whole in zip(schedule.tales, await schedule.whole_stories(), strict=True):
            whole.check_in_order()
            assert set(heard.reports) <= set(whole.reports), "nothing that was told was decided differently later"
            answers = {each.number for each in schedule.changes if each.order == whole.order}
            assert {report.number for report in whole.reports if report.number} == answers
    finally:
        await pool.close()
