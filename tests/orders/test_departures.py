"""Who leaves a market order keeps the price at which it left; those who stay pay for what is dealt after."""

from dataclasses import replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.kernel.money import CENT, UNIT
from app.market.types import Side
from app.orders import gather, reports, run, share_out_many
from app.orders.request import Size
from app.orders.types import OrderStatus
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.orders.checks import faults_in_the_books
from tests.orders.dealing import Dealing, Wish, some_wishes
from tests.world import running

SLOW = PaperBehaviour(split=0.0, first_ms=(100_000, 100_000), slip_cents=0)


@pytest.mark.parametrize("side", Side)
def test_who_stays_shares_what_is_dealt_after_at_its_own_price(side: Side) -> None:
    wishes = [Wish(Size(quantity=20 * UNIT), owned=20 * UNIT) for _ in range(2)]
    dealing = Dealing(side, wishes, 100 * UNIT)
    dealing.execute(20 * UNIT, 100 * UNIT)
    dealing.leave(0)
    dealing.execute(10 * UNIT, 110 * UNIT, ends=True)
    gone, stayed = dealing.orders
    assert (gone.filled_quantity, gone.filled_amount) == (10 * UNIT, 1_000 * UNIT)
    assert (stayed.filled_quantity, stayed.filled_amount) == (20 * UNIT, 2_100 * UNIT)
    assert dealing.house is not None
    assert (dealing.house.shares, dealing.house.amount) == (0, 0)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("price", [50, 200])
def test_who_waited_for_the_venue_leaves_with_what_it_had(side: Side, price: int) -> None:
    """Half of 20 at $100; while its cancel is with the venue, and after, all that is dealt is the other's."""
    wishes = [Wish(Size(quantity=30 * UNIT), owned=30 * UNIT) for _ in range(2)]
    dealing = Dealing(side, wishes, 100 * UNIT)
    dealing.execute(20 * UNIT, 100 * UNIT)
    was = dealing.participants[0]
    leaving = replace(was.order, ends_as=OrderStatus.CANCELED, status=OrderStatus.PENDING_CANCEL)
    dealing.participants[0] = replace(was, order=leaving)
    dealing.execute(10 * UNIT, price * UNIT)
    dealing.leave(0)
    dealing.execute(10 * UNIT, price * UNIT, ends=True)
    gone, stayed = dealing.orders
    assert (gone.filled_quantity, gone.filled_amount) == (10 * UNIT, 1_000 * UNIT)
    assert (stayed.filled_quantity, stayed.filled_amount) == (30 * UNIT, (1_000 + 20 * price) * UNIT)
    assert dealing.house is not None
    assert (dealing.house.shares, dealing.house.amount) == (0, 0)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**9), st.sampled_from(Side), st.integers(2, 40))
def test_the_house_gains_and_loses_nothing_but_parts_of_cents(seed: int, side: Side, count: int) -> None:
    """Whatever the price does between fills, and whoever leaves when."""
    random = Random(seed)
    wishes = [each for each in some_wishes(random, side, 3 * count, 100 * UNIT) if each.size.amount is None][:count]
    assume(wishes)
    dealing = Dealing(side, wishes, 100 * UNIT, whole_shares=False, market_order_id=UUID(int=seed))
    staying, left = list(range(len(wishes))), dealing.to_deal
    leavers = 0
    for _ in range(random.randint(1, 5)):
        quantity = random.randint(1, left)
        left -= quantity
        dealing.execute(quantity, random.randint(1, 20_000) * CENT)
        if dealing.house is not None:
            break
        if len(staying) > 1 and random.random() < 0.7:
            leavers += 1
            dealing.leave(staying.pop(random.randrange(len(staying))))
            stated = sum(dealing.orders[each].quantity or 0 for each in staying)
            had = sum(dealing.orders[each].filled_quantity for each in staying)
            left = min(left, stated - had)
            if not left:
                break
    paid = sum(order.filled_amount for order in dealing.orders)
    assert sum(order.filled_quantity for order in dealing.orders) == dealing.fill.quantity
    short = dealing.fill.amount - paid
    if side is Side.SELL:
        assert 0 <= short < CENT * (1 + (leavers if dealing.house else len(wishes)))
    else:
        assert abs(short) <= CENT * (1 + leavers)


@pytest.mark.asyncio
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("chunk", [1_000, 1])
async def test_a_price_that_runs_away_is_not_the_houses(
    database_url: str, monkeypatch: pytest.MonkeyPatch, side: Side, chunk: int
) -> None:
    """Shared out in one commit, or in as many as there are orders."""
    for module in (gather, reports, run, share_out_many):
        monkeypatch.setattr(module, "CHUNK", chunk)

    async def told(report: Report) -> None:
        await world.told(report)
        await world.engine._intake.share_out(report.client_order_id)

    async with running(database_url, SLOW) as world:
        ann, bob = [await world.investor(20_000) for _ in range(2)]
        if side is Side.SELL:
            for each in (ann, bob):
                await world.place(each, Side.BUY, "KO", quantity="50")
            await world.pass_time(100)
            [bought] = await world.pool.fetchval("SELECT array_agg(id) FROM market_order")
            at = world.clock.now()
            await told(Report("paper", bought, ReportKind.EXECUTION, at, "0", 100 * UNIT, 100 * UNIT))
        leaves = await world.place(ann, side, "KO", quantity="50")
        stays = await world.place(bob, side, "KO", quantity="50")
        await world.pass_time(100)
        made = (await world.order(stays)).market_order_id
        assert made is not None
        at = world.clock.now()
        await told(Report("paper", made, ReportKind.EXECUTION, at, "1", 50 * UNIT, 100 * UNIT))
        await world.cancel(leaves)
        await world.pass_time(50)
        accepted = Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=75 * UNIT)
        await told(accepted)
        await told(Report("paper", made, ReportKind.EXECUTION, at, "2", 25 * UNIT, 120 * UNIT))
        gone, stayed = await world.order(leaves), await world.order(stays)
        assert (gone.status, gone.filled_quantity, gone.filled_amount) == (
            OrderStatus.CANCELED,
            25 * UNIT,
            2_500 * UNIT,
        )
        assert (stayed.status, stayed.filled_quantity, stayed.filled_amount) == (
            OrderStatus.FILLED,
            50 * UNIT,
            5_500 * UNIT,
        )
        async with world.pool.acquire() as connection:
            assert not await faults_in_the_books(connection, world.commits.journal.id)
            house = "SELECT coalesce(sum(balance), 0) FROM ledger.account WHERE kind IN (10, 11, 12, 13, 14, 23)"
            assert await connection.fetchval(house) == 0
