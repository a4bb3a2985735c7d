"""Limit orders: what is held, when they are dealt, who is dealt with whom, and how they end."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from app.kernel.money import CENT, UNIT
from app.ledger.replay import replay
from app.market.types import Side, TimeInForce
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.types import OrderStatus
from app.venues.house import HOUSE, HouseVenue
from app.venues.port import Report, ReportKind, Venue
from tests.world import World, running

pytestmark = pytest.mark.asyncio


def price(world: World, symbol: str, dollars: str) -> None:
    world.quotes.prices[world.instrument(symbol).id] = Decimal(dollars)


async def books_agree(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert (await replay(connection, world.commits.journal.id)).disagreement is None


async def test_a_limit_order_holds_its_limit_and_waits_for_it(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        id_ = await world.place(ann, Side.BUY, "KO", quantity="5", limit="95.00")
        assert (await world.cash(ann)).held == 475 * UNIT
        await world.pass_time(1_000)
        assert (await world.order(id_)).status is OrderStatus.NEW
        price(world, "KO", "94.00")
        await world.pass_time(1_000)
        order = await world.order(id_)
        assert order.status is OrderStatus.FILLED
        assert order.average_price == 94 * UNIT + CENT  # the ask
        assert (await world.cash(ann)).held == 0
        await books_agree(world)


async def test_orders_of_one_limit_are_dealt_as_one_and_others_apart(database_url: str) -> None:
    async with running(database_url) as world:
        people = [await world.investor(10_000) for _ in range(5)]
        limits = ("101.00", "101.00", "102.00", None, None)
        orders = await asyncio.gather(
            *(
                world.place(each, Side.BUY, "KO", quantity="2", limit=limit)
                for each, limit in zip(people, limits, strict=True)
            )
        )
        await world.pass_time(500)
        found = [await world.order(each) for each in orders]
        assert {order.status for order in found} == {OrderStatus.FILLED}
        groups = [order.market_order_id for order in found]
        assert groups[0] == groups[1]
        assert groups[3] == groups[4]
        assert len(set(groups)) == 3


async def test_a_day_order_expires_with_its_session_and_frees_its_hold(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        day = await world.place(ann, Side.BUY, "KO", quantity="1", limit="90.00")
        gtc = await world.place(ann, Side.BUY, "KO", quantity="1", limit="91.00", time_in_force=TimeInForce.GTC)
        until = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
        gtd = await world.place(
            ann, Side.BUY, "KO", quantity="1", limit="92.00", time_in_force=TimeInForce.GTD, expires_at=until
        )
        await world.pass_time(500)
        await world.jump(datetime(2026, 11, 25, 21, 0, 1, tzinfo=UTC))
        await world.pass_time(1_000)
        assert (await world.order(day)).status is OrderStatus.EXPIRED
        assert (await world.order(gtd)).status is OrderStatus.NEW
        await world.jump(until + timedelta(seconds=1))
        await world.pass_time(1_000)
        assert (await world.order(gtd)).status is OrderStatus.EXPIRED
        assert (await world.order(gtc)).status is OrderStatus.NEW
        assert (await world.cash(ann)).held == 91 * UNIT
        await world.cancel(gtc)
        await world.pass_time(1_000)
        assert (await world.order(gtc)).status is OrderStatus.CANCELED
        assert (await world.cash(ann)).held == 0
        await books_agree(world)


async def test_one_of_many_leaves_and_the_rest_is_dealt(database_url: str) -> None:
    async with running(database_url) as world:
        people = [await world.investor(10_000) for _ in range(4)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="2.5", limit="95.00") for each in people]
        await world.pass_time(500)
        await world.cancel(orders[0])
        assert (await world.order(orders[0])).status is OrderStatus.PENDING_CANCEL
        await world.pass_time(1_000)
        assert (await world.order(orders[0])).status is OrderStatus.CANCELED
        quantity = await world.pool.fetchval("SELECT quantity FROM market_order")
        assert quantity == 8
        price(world, "KO", "94.00")
        await world.pass_time(1_000)
        found = [await world.order(each) for each in orders]
        assert [order.status for order in found] == [OrderStatus.CANCELED, *[OrderStatus.FILLED] * 3]
        assert (await world.cash(people[0])).settled == 10_000 * UNIT
        await books_agree(world)


async def test_when_all_leave_the_market_order_is_canceled(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(10_000)
        orders = [await world.place(ann, Side.BUY, "KO", quantity="2", limit="95.00") for _ in range(2)]
        await world.pass_time(500)
        for each in orders:
            await world.cancel(each)
        await world.pass_time(1_000)
        assert {(await world.order(each)).status for each in orders} == {OrderStatus.CANCELED}
        assert await world.pool.fetchval("SELECT status FROM market_order") == "CANCELED"
        assert (await world.cash(ann)).settled == 10_000 * UNIT
        await books_agree(world)


@pytest.mark.parametrize("side", Side)
async def test_a_small_limit_order_is_dealt_by_the_house_at_its_limit_or_better(database_url: str, side: Side) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        first = await world.place(ann, Side.BUY, "KO", quantity="0.5")
        await world.pass_time(500)
        assert (await world.order(first)).status is OrderStatus.FILLED
        limit = "95.00" if side is Side.BUY else "105.00"
        small = await world.place(ann, side, "KO", quantity="0.2", limit=limit)
        await world.pass_time(500)
        assert (await world.order(small)).status is OrderStatus.NEW
        price(world, "KO", "94.50" if side is Side.BUY else "105.50")
        await world.pass_time(500)
        order = await world.order(small)
        assert order.status is OrderStatus.FILLED
        assert order.average_price is not None
        assert (order.average_price <= 95 * UNIT) if side is Side.BUY else (order.average_price >= 105 * UNIT)
        await books_agree(world)


async def test_an_order_leaves_a_house_that_was_not_told_of_it_yet(database_url: str) -> None:
    """The house forgets what it was told when its process ends; another's may be asked before it is told again."""
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "KO", quantity="0.5")
        await world.pass_time(500)
        small = await world.place(ann, Side.BUY, "KO", quantity="0.2", limit="95.00")
        await world.pass_time(500)
        assert await world.pool.fetchval("SELECT count(*) FROM venue_order WHERE venue = 'house'") == 1
        cast("dict[str, Venue]", world.engine._venues.by_name)[HOUSE] = HouseVenue(world.market)
        await world.cancel(small)
        await world.pass_time(100)
        assert (await world.order(small)).status is OrderStatus.CANCELED
        await books_agree(world)


async def test_one_after_the_other_leaves_though_the_venue_need_not_know_of_each(database_url: str) -> None:
    async with running(database_url) as world:
        people = [await world.investor(10_000) for _ in range(4)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="0.4", limit="95.00") for each in people]
        await world.pass_time(500)
        for each in orders:
            await world.cancel(each)
            await world.pass_time(500)
            assert (await world.order(each)).status is OrderStatus.CANCELED
        assert await world.pool.fetchval("SELECT status FROM market_order") == "CANCELED"
        assert await world.pool.fetchval("SELECT sum(balance) FROM ledger.account WHERE kind = 5") == 0
        await books_agree(world)


async def test_a_venue_that_refused_once_may_be_asked_again(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(10_000)
        id_ = await world.place(ann, Side.BUY, "KO", quantity="2", limit="95.00")
        await world.pass_time(500)
        await world.cancel(id_)
        order = await world.order(id_)
        made, at = order.market_order_id, world.clock.now()
        assert made is not None
        # The request is written down, but does not reach the venue, which somebody else answers for.
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        await world.told(Report("paper", made, ReportKind.CHANGE_REJECTED, at, number=1, reason="too busy"))
        assert (await world.order(id_)).status is OrderStatus.NEW
        await world.cancel(id_)
        await world.pass_time(500)
        assert (await world.order(id_)).status is OrderStatus.CANCELED
        assert await world.pool.fetchval("SELECT number FROM venue_order") == 2
        await books_agree(world)
