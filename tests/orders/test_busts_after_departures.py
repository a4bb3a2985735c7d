"""Deals that are taken back after somebody has left their market order."""

import pytest

from app.kernel.money import CENT, UNIT
from app.market.types import Side
from app.orders.leave import LetGo, ask_to_let_go
from app.venues.port import Report, ReportKind
from tests.orders.test_busts import SILENT, all_is_accounted_for, market_order_of, says
from tests.world import running


@pytest.mark.asyncio
async def test_nobody_pays_more_than_the_limit_after_a_bust(database_url: str) -> None:
    """20 at $100 for two, one leaves, 10 at $110 for the other; then the 20 are taken back."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(5_000) for _ in range(2)]
        left, stayed = [await world.place(each, Side.BUY, "KO", quantity="20", limit="110") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, left)
        await says(world, made, ReportKind.EXECUTION, "one", 20, 100)
        await world.cancel(left)
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=30 * UNIT))
        await says(world, made, ReportKind.EXECUTION, "two", 10, 110)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        order = await world.order(stayed)
        assert order.filled_amount <= order.filled_quantity * 110 + CENT
        await all_is_accounted_for(world)


@pytest.mark.asyncio
@pytest.mark.parametrize("side", Side)
async def test_what_a_bust_takes_from_who_left_is_not_dealt_again_for_nobody(database_url: str, side: Side) -> None:
    """50 for two; one leaves with its 25, the venue lowers to 75; the 50 are taken back: one who wants 50 is left."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(20_000) for _ in range(2)]
        if side is Side.SELL:
            orders = [await world.place(each, Side.BUY, "KO", quantity="50") for each in people]
            await world.pass_time(100)
            bought = await market_order_of(world, orders[0])
            await says(world, bought, ReportKind.EXECUTION, "zero", 100, 100)
        left, stays = [await world.place(each, side, "KO", quantity="50", limit="100") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, stays)
        await says(world, made, ReportKind.EXECUTION, "one", 50, 100)
        await world.cancel(left)
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=75 * UNIT))
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        await world.pass_time(2_000)
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None, "and so the venue deals 75, of which 25 are the house's, or missing"
        assert asked.quantity == 50 * UNIT
