"""The laws of checks.py themselves: they hold in every state that is legal, also in one that is seldom seen."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.kernel.money import UNIT
from app.market.types import Side
from app.orders import reports
from app.orders.allocate import Allotment
from app.orders.cancel import CancelOrder, cancel
from app.orders.hear import Told
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.plan import Participant, Plan, Progress, plan
from app.orders.reports import Outcome, apply_reports
from app.orders.share_out_many import begin_run, share_out_chunk
from app.orders.types import OrderStatus
from app.venues.port import Report, ReportKind
from tests.orders.checks import faults_in_the_books
from tests.orders.test_busts import SILENT, market_order_of
from tests.orders.test_in_flight import shared_out
from tests.world import World, running

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("first", ["the run", "the report"])
async def test_who_was_let_go_by_a_run_has_no_part_in_what_is_told_in_the_same_commit(
    database_url: str, first: str
) -> None:
    """Ann leaves what is a part of a share: at once, by a run. What the venue deals is told as the run is posted."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(500) for _ in range(2)]
        sizes = ("0.5", "0.7")
        ann, bob = [
            await world.place(each, Side.BUY, "KO", quantity=size, limit="101")
            for each, size in zip(people, sizes, strict=True)
        ]
        await world.pass_time(100)
        made = await market_order_of(world, ann)
        await world.commits.submit(cancel, CancelOrder(ann, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        assert asked.without_asking is ReportKind.REPLACED
        assert await begin_run(world.pool, made)
        works: list[Coroutine[Any, Any, object]] = [
            world.commits.submit(share_out_chunk, made),
            _two_are_dealt(world, made),
        ]
        await asyncio.gather(*(works if first == "the run" else reversed(works)))
        world.clock.advance(timedelta(milliseconds=1))
        await shared_out(world, made)
        assert await world.pool.fetchval(_COMMITS) == 1
        assert (await world.order(ann)).filled_quantity == 0
        assert (await world.order(bob)).status is OrderStatus.FILLED
        async with world.pool.acquire() as connection:
            assert await faults_in_the_books(connection, world.commits.journal.id) == []


@pytest.mark.parametrize("stingy", [False, True])
async def test_who_is_let_go_in_the_commit_of_the_last_deal_is_served_before_the_house(
    database_url: str, monkeypatch: pytest.MonkeyPatch, stingy: bool
) -> None:
    """The venue lowers the order and deals it, told in one breath: an engine that gives Ann nothing is caught."""

    def nothing_for_who_leaves(progress: Progress, participants: Sequence[Participant]) -> Plan:
        planned = plan(progress, participants)
        kept = [
            Allotment(each.order.filled_quantity, each.order.filled_amount) if progress.frees(each.order) else found
            for each, found in zip(participants, planned.allotments, strict=True)
        ]
        return replace(planned, allotments=kept)

    if stingy:
        monkeypatch.setattr(reports, "plan", nothing_for_who_leaves)
    async with running(database_url, SILENT) as world:
        people = [await world.investor(500) for _ in range(2)]
        ann, _ = [
            await world.place(each, Side.BUY, "KO", quantity=size, limit="101")
            for each, size in zip(people, ("1.5", "0.7"), strict=True)
        ]
        await world.pass_time(100)
        made = await market_order_of(world, ann)
        await world.commits.submit(cancel, CancelOrder(ann, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        assert asked.quantity == 2 * UNIT
        lowered = Report("paper", made, ReportKind.REPLACED, world.clock.now(), number=1, order_quantity=asked.quantity)
        await asyncio.gather(_tells(world, lowered), _two_are_dealt(world, made))
        async with world.pool.acquire() as connection:
            faults = await faults_in_the_books(connection, world.commits.journal.id)
        assert ("dealt for customers" in {fault[0] for fault in faults}) is stingy


_COMMITS = "SELECT count(DISTINCT xmin::text) FROM ledger.event WHERE type IN ('ORDER_CANCELED', 'EXECUTION')"


def _two_are_dealt(world: World, made: UUID) -> Coroutine[Any, Any, Outcome]:
    report = Report("paper", made, ReportKind.EXECUTION, world.clock.now(), "one", 2 * UNIT, 100 * UNIT, 2 * UNIT)
    return _tells(world, report)


def _tells(world: World, report: Report) -> Coroutine[Any, Any, Outcome]:
    """Waits for nothing before it is in the queue: so with what else is begun at once it makes one commit."""
    dates = world.market.trade_dates(world.instrument("KO"), report.at)
    return world.commits.submit(apply_reports, Told(report, *dates))
