"""A venue that says what can't be: nobody gets what was not dealt, and no order stays open for ever."""

import pytest

from app.kernel.money import UNIT
from app.orders.types import OrderStatus
from app.venues.port import Report, ReportKind
from tests.orders.checks import faults_in_the_books
from tests.orders.test_busts import SILENT, all_is_accounted_for, says
from tests.orders.test_in_flight import told_together
from tests.orders.test_late_answers import COUNT_ENDED, answers, asks_to_leave, refused_and_lowered, two_buyers
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def nothing_is_wrong(world: World) -> None:
    await all_is_accounted_for(world)
    assert await world.pool.fetchval("SELECT sum(balance) FROM ledger.account WHERE kind = 23") is None, "sold short"
    async with world.pool.acquire() as connection:
        assert await faults_in_the_books(connection, world.commits.journal.id) == []


async def test_lowered_further_than_was_asked_for(database_url: str) -> None:
    """Bob wants the two shares that are left, the venue deals one: the other is not the house's to deliver."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        await asks_to_leave(world, ann, made)
        await answers(world, made, ReportKind.REPLACED, 1, 1)
        await says(world, made, ReportKind.EXECUTION, "one", 1, 100)
        assert (await world.order(ann)).status is OrderStatus.CANCELED
        order = await world.order(bob)
        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELED, UNIT)
        assert order.reason is not None
        assert "lowered" in order.reason
        await nothing_is_wrong(world)


async def test_raised_above_what_was_ordered(database_url: str) -> None:
    """Ten shares of four: what customers want is dealt once four are."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        await asks_to_leave(world, ann, made)
        await answers(world, made, ReportKind.REPLACED, 1, 10)
        await says(world, made, ReportKind.EXECUTION, "one", 4, 100)
        assert (await world.order(bob)).status is OrderStatus.FILLED
        assert await world.pool.fetchval(COUNT_ENDED) == "FILLED"
        await nothing_is_wrong(world)


async def test_more_is_dealt_than_it_had_lowered_the_order_to(database_url: str) -> None:
    """Three shares of two, told in one breath: they are shared out, and the order is over."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await refused_and_lowered(world)
        at = world.clock.now()
        deals = (Report("paper", made, ReportKind.EXECUTION, at, f"deal {n}", UNIT, 100 * UNIT) for n in range(3))
        await told_together(world, *deals)
        assert await world.pool.fetchval(COUNT_ENDED) == "CANCELED"
        assert sum([(await world.order(each)).filled_quantity for each in (ann, bob)]) == 3 * UNIT
        await nothing_is_wrong(world)


@pytest.mark.parametrize("quantity", [0, 1, 3])
async def test_lowered_to_less_than_is_dealt(database_url: str, quantity: int) -> None:
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        await says(world, made, ReportKind.EXECUTION, "one", 1, 100)
        await asks_to_leave(world, ann, made)
        await says(world, made, ReportKind.EXECUTION, "two", 2, 100)
        await answers(world, made, ReportKind.REPLACED, 1, quantity)
        assert await world.pool.fetchval(COUNT_ENDED) == "FILLED"
        assert (await world.order(bob)).status is OrderStatus.FILLED
        assert (await world.order(ann)).filled_quantity == UNIT
        await nothing_is_wrong(world)


async def test_a_deal_that_was_taken_back_before_the_end_is_not_taken_from_the_end(database_url: str) -> None:
    """One of two shares stands when the order is canceled, and that it is only one is told last."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        for each in ("one", "two"):
            await says(world, made, ReportKind.EXECUTION, each, 1, 100)
        await world.told(Report("paper", made, ReportKind.CANCELED, world.clock.now(), cumulative_quantity=UNIT))
        assert await world.pool.fetchval(COUNT_ENDED) is None, "something has not come yet"
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        assert await world.pool.fetchval(COUNT_ENDED) == "CANCELED"
        assert sum([(await world.order(each)).filled_quantity for each in (ann, bob)]) == UNIT
        await nothing_is_wrong(world)
