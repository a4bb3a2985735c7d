"""What is the paper venue's own: chance, and a memory that several processes share."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.infra.database import EnginePool
from app.kernel.clock import ManualClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT, to_units
from app.market.types import Side, TimeInForce
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Change, ReportKind, VenueOrder
from tests.venues.conftest import PaperMarket
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, Counterparty, InProcess, session_close
from tests.world import WEDNESDAY

pytestmark = pytest.mark.asyncio

#: Four executions, 100 ms apart, the first after 100 ms.
STEADY = PaperBehaviour(split=1.0, most_executions=4, first_ms=(100, 100), next_ms=(100, 100), answer_ms=(10, 10))
MILLISECOND = timedelta(milliseconds=1)


async def _executed_in_part(us: Counterparty) -> Tale:
    """An order of which a part, but not all, is executed."""
    tale = await us.send()
    await us.until(lambda: tale.executed, "the first execution")
    assert tale.executed < 100 * UNIT, "the seed gives it several executions"
    return tale


async def test_a_plan_is_cut_where_a_cancel_meets_it(paper: PaperMarket) -> None:
    us = paper(STEADY)
    tale = await _executed_in_part(us)
    executed = tale.executed
    answer = await us.answer_to(tale, Change(tale.order, 1, 0, None))
    await us.a_while()
    tale.check_in_order()
    assert (answer.kind, answer.cumulative_quantity) == (ReportKind.CANCELED, executed)
    assert tale.executed == executed


async def test_what_is_due_when_a_change_comes_stays_executed(paper: PaperMarket) -> None:
    """Although nobody had looked: the venue executed it before the request came."""
    us = paper(STEADY)
    tale = await us.send()
    assert isinstance(us.trial, InProcess)
    us.trial.clock.advance(timedelta(milliseconds=150))
    answer = await us.answer_to(tale, Change(tale.order, 1, 0, None))
    assert answer.kind is ReportKind.CANCELED
    assert 0 < answer.cumulative_quantity == tale.executed < 100 * UNIT


@pytest.mark.parametrize("less", [1, UNIT])
async def test_lowering_below_what_is_executed_leaves_what_is_executed(paper: PaperMarket, less: int) -> None:
    us = paper(STEADY)
    tale = await _executed_in_part(us)
    executed = tale.executed
    answer = await us.answer_to(tale, Change(tale.order, 1, 0, less))
    await us.a_while()
    tale.check_in_order()
    assert (answer.kind, answer.order_quantity) == (ReportKind.REPLACED, executed)
    assert tale.executed == executed
    assert (await us.answer_to(tale, Change(tale.order, 2, 1, None))).kind is ReportKind.CHANGE_REJECTED


async def test_an_order_is_not_over_of_which_nothing_is_executed_when_that_is_told(paper: PaperMarket) -> None:
    """Lowered to what is executed; but that is taken back before the answer, which tells of an order that is open."""
    us = paper(replace(STEADY, bust=1.0, next_ms=(900, 900), aftermath_ms=(40, 40), answer_ms=(100, 100)))
    tale = await us.send(limit="100.50")
    await us.until(lambda: tale.executed, "the first execution")
    us.trial.set_price(Decimal(200))
    executed = tale.executed
    answer = await us.answer_to(tale, Change(tale.order, 1, 0, executed))
    assert (answer.kind, answer.cumulative_quantity, answer.order_quantity) == (ReportKind.REPLACED, 0, executed)
    tale.check_in_order()
    assert (await us.answer_to(tale, Change(tale.order, 2, 1, None))).kind is ReportKind.CANCELED


async def test_nor_if_it_was_executed_and_taken_back_while_the_answer_was_under_way(paper: PaperMarket) -> None:
    """Lowered to a share more than is executed, which is executed then; all is taken back before the answer."""
    us = paper(replace(STEADY, bust=1.0, next_ms=(50, 50), aftermath_ms=(60, 60), answer_ms=(200, 200)))
    tale = await us.send(limit="100.50")
    await us.until(lambda: tale.executed, "the first execution")
    us.trial.set_price(Decimal(200))
    lowered = tale.executed + UNIT
    answer = await us.answer_to(tale, Change(tale.order, 1, 0, lowered))
    assert (answer.kind, answer.cumulative_quantity, answer.order_quantity) == (ReportKind.REPLACED, 0, lowered)
    assert tale.most_executed == lowered
    tale.check_in_order()
    assert (await us.answer_to(tale, Change(tale.order, 2, 1, None))).kind is ReportKind.CANCELED


async def test_a_change_that_replaces_another_than_the_last_is_refused(paper: PaperMarket) -> None:
    us = paper(STEADY)
    tale = await us.send(limit="50")
    assert (await us.answer_to(tale, Change(tale.order, 1, 1, None))).kind is ReportKind.CHANGE_REJECTED
    assert (await us.answer_to(tale, Change(tale.order, 2, 0, 60 * UNIT))).kind is ReportKind.REPLACED
    assert (await us.answer_to(tale, Change(tale.order, 3, 0, None))).kind is ReportKind.CHANGE_REJECTED
    assert (await us.answer_to(tale, Change(tale.order, 4, 2, None))).kind is ReportKind.CANCELED
    tale.check_in_order()


async def test_a_limit_order_is_never_dealt_beyond_its_limit(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0, slip_cents=100, correct=1.0, aftermath_ms=(10, 10)))
    for side in Side:
        tale = await us.send(side, limit="100.00")
        us.trial.set_price(Decimal("99.98") if side is Side.BUY else Decimal("100.02"))
        await us.until(lambda tale=tale: tale.of(ReportKind.CORRECTION), "a correction")  # type: ignore[misc]
        await us.a_while()
        tale.check()


async def test_a_rest_left_unfilled_is_canceled(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(leave_rest=1.0))
    tales = [await us.send() for _ in range(20)]
    await us.until(lambda: all(tale.ending for tale in tales), "all end")
    for tale in tales:
        tale.check_in_order()
        assert tale.ending is not None
        assert tale.ending.kind is ReportKind.CANCELED
        assert tale.ending.cumulative_quantity == tale.executed < 100 * UNIT
    assert any(tale.executed for tale in tales)


async def test_a_rejected_order_is_neither_acknowledged_nor_dealt(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(reject=1.0))
    tale = await us.send()
    await us.until(lambda: tale.ending, "it is rejected")
    await us.a_while()
    assert tale.kinds == {ReportKind.REJECTED}
    assert (await us.answer_to(tale, Change(tale.order, 1, 0, None))).kind is ReportKind.CHANGE_REJECTED


@pytest.mark.parametrize(
    "order",
    [
        VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, 0),
        VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, 0),
        VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, UNIT, TimeInForce.GTD),
        VenueOrder(new_id(), 4_711, Side.BUY, UNIT),
        VenueOrder(new_id(), INSTRUMENT.id + 1, Side.BUY, UNIT),
    ],
    ids=["no quantity", "no price", "no end", "no such instrument", "no quote"],
)
async def test_an_order_that_makes_no_sense_is_rejected(paper: PaperMarket, order: VenueOrder) -> None:
    us = paper(STEADY)
    us.tales.append(Tale(order))
    await us.trial.venue.submit(order)
    await us.until(lambda: us.tales[0].ending, "it is rejected")
    assert us.tales[0].kinds == {ReportKind.REJECTED}
    assert us.tales[0].reports[0].reason


async def test_an_order_in_the_middle_of_its_executions_expires(paper: PaperMarket) -> None:
    us = paper(STEADY)
    close = session_close(us.trial.market_now())
    await us.trial.market_reaches(close - timedelta(milliseconds=250))
    tale = await us.send()
    await us.until(lambda: tale.is_over, "it ends")
    await us.a_while()
    tale.check_in_order()
    assert 0 < tale.executed < 100 * UNIT
    assert tale.ending is not None
    assert (tale.ending.kind, tale.ending.at) == (ReportKind.EXPIRED, close)


async def test_nothing_is_executed_after_the_close_although_an_answer_is_still_to_come(paper: PaperMarket) -> None:
    us = paper(replace(STEADY, answer_ms=(500, 500)))
    close = session_close(us.trial.market_now())
    await us.trial.market_reaches(close - timedelta(milliseconds=250))
    tale = await us.send()
    await us.until(lambda: us.trial.market_now() >= close - timedelta(milliseconds=100), "most of the time is over")
    await us.trial.venue.change(Change(tale.order, 1, 0, 99 * UNIT))
    await us.until(lambda: us.trial.market_now() >= close, "the session ends")
    executed = tale.executed
    await us.until(lambda: tale.ending, "it expires")
    tale.check_in_order()
    assert tale.kinds == {ReportKind.NEW, ReportKind.EXECUTION, ReportKind.REPLACED, ReportKind.EXPIRED}
    assert tale.executed == executed < 99 * UNIT


async def test_an_order_that_is_too_old_when_it_arrives_is_acknowledged_and_expires_once(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(acknowledge_ms=(100, 100)))
    tale = await us.send(time_in_force=TimeInForce.GTD, expires_at=us.trial.market_now())
    await us.a_while()
    assert [report.kind for report in tale.reports] == [ReportKind.NEW, ReportKind.EXPIRED]


async def test_executions_are_busted_even_after_the_end(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0, bust=1.0, aftermath_ms=(2_000, 3_000)))
    tale = await us.send()
    await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
    await us.until(lambda: tale.executed == 0, "all of it is busted")
    await us.a_while(5)
    tale.check_in_order()
    assert tale.reports[-1].cumulative_quantity == 0
    assert tale.reports[-1].at > tale.of(ReportKind.EXECUTION)[-1].at
    assert {report.refers_to for report in tale.of(ReportKind.BUST)} == {
        report.execution_id for report in tale.of(ReportKind.EXECUTION)
    }


async def test_executions_are_corrected(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0, correct=1.0))
    tale = await us.send()
    await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
    await us.a_while(8)
    tale.check_in_order()
    executions = {report.execution_id: report for report in tale.of(ReportKind.EXECUTION)}
    corrections = tale.of(ReportKind.CORRECTION)
    assert {report.refers_to for report in corrections} == executions.keys()
    for report in corrections:
        assert report.quantity <= executions[report.refers_to].quantity
        assert report.price != executions[report.refers_to].price


async def test_what_is_busted_while_the_order_stands_is_dealt_again(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0, bust=0.5, aftermath_ms=(1, 5), next_ms=(100, 100)))
    tales = [await us.send() for _ in range(10)]
    await us.until(lambda: all(tale.is_over for tale in tales), "all are filled in the end")
    await us.a_while()
    for tale in tales:
        tale.check_in_order()
        assert tale.most_executed == 100 * UNIT
    assert any(len(tale.of(ReportKind.EXECUTION)) > 4 for tale in tales)


async def test_a_bust_comes_although_the_process_that_watched_is_gone(paper: PaperMarket) -> None:
    """The order is filled, so our side doesn't ask for it any more."""
    us = paper(PaperBehaviour(split=0.0, bust=1.0))
    tale = await us.send()
    await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
    await us.trial.restart()
    await us.until(lambda: tale.executed == 0, "it is busted")
    tale.check_in_order()


async def test_another_process_takes_over_what_lies_abandoned(pool: EnginePool) -> None:
    clock = ManualClock(WEDNESDAY)
    behaviour = PaperBehaviour(split=0.0, first_ms=(1_000, 1_000))
    one, two = (
        Counterparty(trial, clock.now)
        for trial in (InProcess(lambda m, c: PaperVenue(pool, m, clock=c, behaviour=behaviour), clock) for _ in "ab")
    )
    await two.listen()
    tale = await one.send()
    two.tales.append(Tale(tale.order))
    await two.a_while(4)
    assert two.heard == []
    await two.until(lambda: two.tales[0].executed == 100 * UNIT, "the other process is told")
    await one.until(lambda: tale.executed == 100 * UNIT, "and so is the first, should it wake up")
    assert tale.of(ReportKind.EXECUTION) == two.tales[0].of(ReportKind.EXECUTION)


async def test_a_restart_tells_what_was_not_taken_and_nothing_else(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=0.0))
    tale = await us.send()
    await us.until(lambda: tale.reports, "it is acknowledged")
    await us.until(lambda: tale.is_over, "it is filled", take=False)
    us.heard.clear()
    await us.trial.restart()
    await us.a_while()
    assert us.heard == tale.of(ReportKind.EXECUTION)
    us.heard.clear()
    await us.trial.restart()
    await us.a_while()
    assert us.heard == []


async def test_two_processes_that_watch_one_order_tell_the_same_story(pool: EnginePool) -> None:
    clock = ManualClock(WEDNESDAY)
    seeds = iter((1, 2))

    def make() -> Counterparty:
        behaviour = PaperBehaviour(seed=next(seeds), split=1.0, leave_rest=0.5)
        trial = InProcess(lambda m, c: PaperVenue(pool, m, clock=c, behaviour=behaviour), clock)
        return Counterparty(trial, clock.now)

    one, two = make(), make()
    tales = [await one.send(limit="99") for _ in range(10)]
    two.tales = [Tale(tale.order) for tale in tales]
    await two.recover()
    for each in (one, two):
        each.trial.set_price(Decimal("98.50"))
    for _ in range(100):
        clock.advance(20 * MILLISECOND)
        await asyncio.gather(one.listen(), two.listen())
    for told, also in zip(tales, two.tales, strict=True):
        told.check_in_order()
        assert told.is_over
        assert told.reports == also.reports


async def test_reports_come_twice_late_or_not_at_all(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0, duplicate=0.4, reorder=0.4, lose=0.3))
    tales = [await us.send() for _ in range(20)]
    await us.a_while(3)
    assert len(us.heard) > len(set(us.heard)), "something came twice"
    sequences = [[report.cumulative_quantity for report in tale.of(ReportKind.EXECUTION)] for tale in tales]
    assert any(each != sorted(each) for each in sequences), "something was overtaken"
    missing = [tale for tale in tales if tale.executed < 100 * UNIT]
    assert missing, "something was lost"
    await us.trial.restart()
    await us.a_while(3)
    assert missing == [tale for tale in tales if tale.executed < 100 * UNIT], "and is not told of itself"
    for tale in tales:
        tale.check(complete=False)
        await us.trial.venue.knows(tale.order)
    await us.until(lambda: all(tale.executed == 100 * UNIT for tale in tales), "who asks is told all")
    for tale in tales:
        tale.check()


async def test_an_answer_that_was_read_long_ago_does_not_hide_a_newer_one(pool: EnginePool) -> None:
    """Our question and a change are under way at once, and what the question found is the older."""
    read, go_on = asyncio.Event(), asyncio.Event()

    class SlowReads:
        acquire, fetch, fetchval = pool.acquire, pool.fetch, pool.fetchval

        async def fetchrow(self, query: str, *values: object) -> object:
            row = await pool.fetchrow(query, *values)
            read.set()
            await go_on.wait()
            return row

    slow: Any = SlowReads()
    trial = InProcess(lambda market, clock: PaperVenue(slow, market, clock=clock), ManualClock(WEDNESDAY))
    us = Counterparty(trial, trial.clock.now)
    tale = await us.send(limit="50")
    await us.until(lambda: tale.reports, "it is acknowledged")
    await us.a_while(0.1)
    asking = asyncio.create_task(trial.venue.knows(tale.order))
    await read.wait()
    await trial.venue.change(Change(tale.order, 1, 0, None))
    go_on.set()
    assert await asking
    for _ in range(50):
        await trial.wait()
        await us.listen(take=False)
    assert tale.ending, "it is canceled, and we hear of it before anybody thinks it abandoned"


async def test_it_says_when_to_come_back_and_rings_when_that_has_changed(paper: PaperMarket) -> None:
    us, rings = paper(STEADY), list[int]()
    venue = us.trial.venue
    venue.listen(lambda: rings.append(1))
    assert venue.next_report_at() is None
    tale = await us.send(limit="50")
    assert len(rings) == 1
    await us.until(lambda: tale.reports, "it is acknowledged")
    now = us.wall()
    at = venue.next_report_at()
    assert at is not None
    assert now < at <= now + timedelta(milliseconds=100), "the quotes are looked at again"
    await venue.change(Change(tale.order, 1, 0, None))
    assert len(rings) == 2
    assert venue.next_report_at() == us.wall() + timedelta(milliseconds=10)
    await us.until(lambda: tale.ending, "it is canceled")
    assert venue.next_report_at() is None


async def test_the_price_is_the_touch_and_a_little_worse(paper: PaperMarket) -> None:
    us = paper(PaperBehaviour(split=1.0))
    for side, best, worst in ((Side.BUY, "100.01", "100.05"), (Side.SELL, "99.99", "99.95")):
        tale = await us.send(side)
        await us.a_while(2)
        prices = [report.price for report in tale.of(ReportKind.EXECUTION)]
        low, high = sorted((to_units(Decimal(best)), to_units(Decimal(worst))))
        assert prices
        assert all(low <= price <= high for price in prices)
