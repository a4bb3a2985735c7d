"""What operators do about stuck orders: what comes later is the house's, and nothing is left behind."""

import pytest

from app.kernel.errors import Refusal
from app.kernel.money import UNIT
from app.market.types import Side
from app.orders.operate import AskAgain, ForceExpire, OperateError, ask_again, force_expire
from app.orders.types import OrderStatus
from app.venues.port import ReportKind
from tests.orders.test_busts import SILENT, all_is_accounted_for, market_order_of, says, sums
from tests.world import running

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("side", Side)
async def test_what_is_dealt_of_an_order_ended_by_force_is_the_houses(database_url: str, side: Side) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(1_000) for _ in range(2)]
        if side is Side.SELL:
            for each in people:
                order = await world.place(each, Side.BUY, "KO", quantity="2")
                await world.pass_time(100)
                await says(world, await market_order_of(world, order), ReportKind.EXECUTION, str(each.id), 2, 100)
        orders = [await world.place(each, side, "KO", quantity="2") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, orders[0])
        await world.commits.submit(force_expire, ForceExpire(orders[0], "The venue is down", "operator:test"))
        first = await world.order(orders[0])
        assert (first.status, first.held, first.reason) == (OrderStatus.EXPIRED, 0, "The venue is down")
        await says(world, made, ReportKind.EXECUTION, "all", 4, 101)
        second = await world.order(orders[1])
        assert (second.status, second.filled_quantity) == (OrderStatus.FILLED, 2 * UNIT)
        assert (await world.order(orders[0])).filled_quantity == 0
        found = await sums(world)
        assert found.get("inventory shares", found.get("short shares")) == (2 if side is Side.BUY else -2)
        await all_is_accounted_for(world)


async def test_when_all_are_ended_by_force_the_venue_is_asked_to_cancel(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="2", limit="90.00")
        await world.pass_time(500)
        await world.commits.submit(force_expire, ForceExpire(order, "By phone", "operator:test"))
        await world.leaves(order)
        await world.pass_time(1_000)
        assert await world.pool.fetchval("SELECT status FROM market_order") == "CANCELED"
        assert (await world.cash(ann)).settled == 1_000 * UNIT
        await all_is_accounted_for(world)


async def test_a_venue_is_asked_again_at_once(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="2", limit="90.00")
        await world.pass_time(500)
        made = await market_order_of(world, order)
        asked = []
        knows = world.venue.knows

        async def listening(sent: object) -> bool | None:
            asked.append(sent)
            return await knows(sent)  # type: ignore[arg-type]

        world.venue.knows = listening  # type: ignore[method-assign, assignment]
        await world.commits.submit(ask_again, AskAgain(made, "No answer by phone", "operator:test"))
        await world.pass_time(1_200)
        assert len(asked) == 1
        told = await world.pool.fetchrow("SELECT actor, data FROM ledger.event WHERE type = 'MARKET_ORDER_ASKED_AGAIN'")
        assert told is not None
        assert told["actor"] == "operator:test"


async def test_what_is_over_can_not_be_ended_by_force(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="2")
        await world.pass_time(500)
        made = await market_order_of(world, order)
        before = await world.everything()
        with pytest.raises(Refusal) as expiring:
            await world.commits.submit(force_expire, ForceExpire(order, "Why not", "operator:test"))
        with pytest.raises(Refusal) as asking:
            await world.commits.submit(ask_again, AskAgain(made, "Why not", "operator:test"))
        assert expiring.value.code is asking.value.code is OperateError.ALREADY_FINAL
        assert await world.everything() == before
