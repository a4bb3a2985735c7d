"""The main flow, end to end on a real database."""

import pytest

from app.kernel.money import UNIT
from app.market.types import Side
from app.orders.types import OrderStatus
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_a_ten_dollar_order_becomes_a_fill(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(100), await world.investor(100)
        first = await world.place(ann, Side.BUY, "AAPL", amount="10.00")
        second = await world.place(bob, Side.BUY, "AAPL", quantity="0.5")
        assert (await world.cash(ann)).held == 10 * UNIT
        await world.pass_time(200)
        order = await world.order(first)
        assert (order.status, order.filled_amount, order.filled_quantity) == (OrderStatus.FILLED, 10 * UNIT, 9999000)
        other = await world.order(second)
        assert (other.status, other.filled_quantity, other.filled_amount) == (OrderStatus.FILLED, UNIT // 2, 50 * UNIT)
        assert other.market_order_id == order.market_order_id
        cash = await world.cash(ann)
        assert (cash.settled, cash.held) == (90 * UNIT, 0)
        assert await world.shares(ann, "AAPL") == order.filled_quantity
