"""Lots in the database, with executions that a test reports by hand: what is sold is in the lots that it closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from app.clients.types import Account
from app.kernel.money import UNIT, to_units
from app.market.types import Side
from app.orders.types import OrderStatus
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.world import World, running

pytestmark = pytest.mark.asyncio

#: The paper venue takes everything and says nothing for days.
SILENT = PaperBehaviour(first_ms=(10**9, 10**9))


@dataclass
class Hand:
    """Reports by hand what became of a market order."""

    world: World
    numbers: "count[int]"

    def report(self, market_order_id: UUID, kind: ReportKind, quantity: int = 0, price: int = 0) -> Report:
        number = f"by hand {next(self.numbers)}"
        at = self.world.clock.now()
        if kind is ReportKind.EXECUTION:
            return Report("hand", market_order_id, kind, at, number, quantity, price)
        return Report("hand", market_order_id, kind, at, cumulative_quantity=quantity, reason="by hand")

    async def says(self, *reports: Report) -> None:
        """All at once: they come in one batch."""
        await asyncio.gather(*(self.world.told(report) for report in reports))

    async def executes(self, order_id: UUID, quantity: str, price: str) -> None:
        made = await self.market_order_of(order_id)
        await self.says(self.report(made, ReportKind.EXECUTION, to_units(Decimal(quantity)), to_units(Decimal(price))))

    async def fills(self, order_id: UUID, price: str) -> None:
        """Whatever is left of the market order, at once."""
        made = await self.market_order_of(order_id)
        left = await self.world.pool.fetchval("SELECT quantity - filled_quantity FROM market_order WHERE id = $1", made)
        await self.executes(order_id, str(left), price)

    async def market_order_of(self, order_id: UUID) -> UUID:
        made = (await self.world.order(order_id)).market_order_id
        assert made is not None
        return made

    async def buys(self, account: Account, symbol: str, *, price: str, **size: Any) -> UUID:
        self.world.quotes.prices[self.world.instrument(symbol).id] = Decimal(price)
        order_id = await self.world.place(account, Side.BUY, symbol, **size)
        await self.world.pass_time(100)
        await self.fills(order_id, price)
        return order_id


@asynccontextmanager
async def by_hand(url: str) -> AsyncIterator[Hand]:
    async with running(url, SILENT) as world:
        yield Hand(world, count(1))


async def sales_of(world: World, order_id: UUID) -> list[tuple[int, int, int]]:
    rows = await world.pool.fetch(
        "SELECT quantity, cost, proceeds FROM lot_sale WHERE order_id = $1 ORDER BY lot_id", order_id
    )
    return [(to_units(quantity), to_units(cost), to_units(proceeds)) for quantity, cost, proceeds in rows]


async def test_a_sale_closes_the_oldest_lots(database_url: str) -> None:
    async with by_hand(database_url) as hand:
        ann = await hand.world.investor(50_000)
        for quantity, price in (("100", "77"), ("200", "84"), ("100", "105")):
            await hand.buys(ann, "AAPL", price=price, quantity=quantity)
        order_id = await hand.world.place(ann, Side.SELL, "AAPL", quantity="150")
        await hand.world.pass_time(100)
        await hand.fills(order_id, "90")
        assert await sales_of(hand.world, order_id) == [
            (100 * UNIT, 7_700 * UNIT, 9_000 * UNIT),
            (50 * UNIT, 4_200 * UNIT, 4_500 * UNIT),
        ]


async def test_proceeds_of_several_executions_are_all_in_the_lots(database_url: str) -> None:
    """The last execution brings the order by amount money and no shares: at its price those it has sold are enough."""
    async with by_hand(database_url) as hand:
        ann, bob = await hand.world.investor(50_000), await hand.world.investor(50_000)
        await hand.buys(ann, "BTC", price="100", amount="20000.00")
        await hand.buys(bob, "BTC", price="100", quantity="10")
        first = await hand.world.place(ann, Side.SELL, "BTC", amount="1000.00")
        second = await hand.world.place(bob, Side.SELL, "BTC", everything=True)
        await hand.world.pass_time(100)
        await hand.executes(first, "19.98", "100")
        await hand.fills(first, "300")
        for order_id in (first, second):
            order = await hand.world.order(order_id)
            sales = await sales_of(hand.world, order_id)
            assert order.status is OrderStatus.FILLED
            assert sum(quantity for quantity, _, _ in sales) == order.filled_quantity
            assert sum(proceeds for _, _, proceeds in sales) == order.filled_amount


async def test_an_execution_and_a_cancel_that_come_together_are_taken_in(database_url: str) -> None:
    """Also where the price has leapt: a fact is posted whatever it is, and the next report finds the way free."""
    async with by_hand(database_url) as hand:
        world = hand.world
        accounts = [await world.investor(200_000) for _ in range(3)]
        for account, quantity in zip(accounts, ("1050", "1000", "100"), strict=True):
            await hand.buys(account, "BTC", price="100", quantity=quantity)
        orders = [
            await world.place(accounts[0], Side.SELL, "BTC", amount="100000.00"),
            await world.place(accounts[1], Side.SELL, "BTC", everything=True),
            await world.place(accounts[2], Side.SELL, "BTC", everything=True),
        ]
        await world.pass_time(100)
        await hand.executes(orders[0], "1995", "100")
        made = await hand.market_order_of(orders[0])
        await hand.says(
            hand.report(made, ReportKind.EXECUTION, 52 * UNIT, 400 * UNIT),
            hand.report(made, ReportKind.CANCELED, 2_047 * UNIT),
        )
        ended = [await world.order(order_id) for order_id in orders]
        assert all(order.status is OrderStatus.CANCELED for order in ended)
        assert sum(order.filled_quantity for order in ended) == 2_047 * UNIT
