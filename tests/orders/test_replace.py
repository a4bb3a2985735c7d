"""Replacing orders: while they wait, while they rest with a venue, and when the market is faster."""

import pytest

from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT
from app.ledger.replay import replay
from app.market.types import Side, TimeInForce
from app.orders.errors import PlaceOrderError, ReplaceOrderError
from app.orders.replace import ReplaceOrder, replace_orders
from app.orders.types import Order, OrderStatus, OrderType, Replacement, Terms
from app.venues.port import Report, ReportKind
from tests.orders.test_limits import price
from tests.world import World, running

pytestmark = pytest.mark.asyncio


def limit(dollars: int) -> Terms:
    return Terms(OrderType.LIMIT, dollars * UNIT, TimeInForce.GTC)


async def wants(world: World, order: Order, *, quantity: int, terms: Terms) -> Replacement:
    quote = world.market.quote(order.instrument_id)
    assert quote is not None
    wanted = Replacement(new_id(), None, quantity * UNIT, terms, "test")
    await world.commits.submit(replace_orders, ReplaceOrder(order.id, wanted, quote))
    await world.leaves(order.id)
    return wanted


async def resting(world: World, dollars: int = 1_000, quantity: str = "5") -> Order:
    ann = await world.investor(dollars)
    id_ = await world.place(ann, Side.BUY, "KO", quantity=quantity, limit="95.00", time_in_force=TimeInForce.GTC)
    return await world.order(id_)


async def held(world: World, order: Order) -> int:
    units = await world.pool.fetchval("SELECT sum(held) FROM customer_order WHERE account_id = $1", order.account_id)
    cash = await world.pool.fetchval(
        "SELECT balance FROM ledger.account WHERE book_id = $1 AND kind = 5", order.book_id
    )
    assert units == cash, "what orders say is held is what is held"
    return int(cash * UNIT)


async def books_agree(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert (await replay(connection, world.commits.journal.id)).disagreement is None


@pytest.mark.parametrize(("quantity", "at", "hold"), [(5, 90, 450), (8, 95, 760), (5, 99, 495), (2, 95, 190)])
async def test_a_waiting_order_is_replaced_at_once(database_url: str, quantity: int, at: int, hold: int) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        wanted = await wants(world, old, quantity=quantity, terms=limit(at))
        old, new = await world.order(old.id), await world.order(wanted.id)
        assert (old.status, old.replaced_by, old.held) == (OrderStatus.REPLACED, new.id, 0)
        assert (new.status, new.replaces, new.held, new.quantity) == (
            OrderStatus.ACCEPTED,
            old.id,
            hold * UNIT,
            quantity * UNIT,
        )
        assert await held(world, old) == hold * UNIT
        assert new.funding.total == new.held
        price(world, "KO", "80.00")
        await world.pass_time(2_000)
        assert (await world.order(wanted.id)).status is OrderStatus.FILLED
        assert await held(world, old) == 0
        await books_agree(world)


@pytest.mark.parametrize(("quantity", "at"), [(5, 90), (8, 95), (5, 99), (2, 95)])
async def test_a_resting_order_is_replaced_when_the_venue_lets_go(database_url: str, quantity: int, at: int) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        wanted = await wants(world, old, quantity=quantity, terms=limit(at))
        assert (await world.order(old.id)).status is OrderStatus.PENDING_REPLACE
        await world.pass_time(1_000)
        assert (await world.order(old.id)).status is OrderStatus.REPLACED
        assert await held(world, old) == quantity * at * UNIT
        price(world, "KO", "80.00")
        await world.pass_time(2_000)
        new = await world.order(wanted.id)
        assert (new.status, new.filled_quantity) == (OrderStatus.FILLED, quantity * UNIT)
        assert await held(world, old) == 0
        await books_agree(world)


async def test_what_is_filled_counts_in(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        market_order = (await world.order(old.id)).market_order_id
        assert market_order is not None
        at = world.clock.now()
        await world.told(Report("paper", market_order, ReportKind.EXECUTION, at, "one", 2 * UNIT, 95 * UNIT, 2 * UNIT))
        wanted = await wants(world, old, quantity=6, terms=limit(95))
        await world.told(Report("paper", market_order, ReportKind.CANCELED, at, cumulative_quantity=2 * UNIT, number=1))
        old, new = await world.order(old.id), await world.order(wanted.id)
        assert (old.status, old.filled_quantity) == (OrderStatus.REPLACED, 2 * UNIT)
        assert (new.quantity, new.held) == (4 * UNIT, 380 * UNIT)
        assert await held(world, old) == 380 * UNIT
        await books_agree(world)


async def test_the_market_was_faster(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        market_order = (await world.order(old.id)).market_order_id
        assert market_order is not None
        wanted = await wants(world, old, quantity=9, terms=limit(96))
        assert await held(world, old) == 9 * 96 * UNIT
        at = world.clock.now()
        await world.told(Report("paper", market_order, ReportKind.EXECUTION, at, "one", 5 * UNIT, 95 * UNIT, 5 * UNIT))
        old = await world.order(old.id)
        assert (old.status, old.replaced_by) == (OrderStatus.FILLED, None)
        assert await world.pool.fetchval("SELECT count(*) FROM customer_order WHERE id = $1", wanted.id) == 0
        assert await held(world, old) == 0
        await books_agree(world)


async def test_a_venue_that_refuses_leaves_the_order_as_it_was(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        before = await world.order(old.id)
        market_order = before.market_order_id
        assert market_order is not None
        await wants(world, old, quantity=9, terms=limit(96))
        await world.engine._dealing.let_go(market_order, old.journal_id, old.instrument_id)
        at = world.clock.now()
        await world.told(Report("paper", market_order, ReportKind.CHANGE_REJECTED, at, number=1, reason="too late"))
        after = await world.order(old.id)
        assert (after.status, after.held, after.ends_as) == (OrderStatus.NEW, before.held, None)
        assert await held(world, old) == 475 * UNIT
        await books_agree(world)


@pytest.mark.parametrize(
    ("quantity", "at", "code"),
    [
        (5, 95, ReplaceOrderError.NOTHING_TO_CHANGE),
        (50, 95, PlaceOrderError.INSUFFICIENT_FUNDS),
        (2, 95, ReplaceOrderError.BELOW_FILLED),
    ],
)
@pytest.mark.parametrize("in_flight", [False, True])
async def test_a_refusal_changes_nothing(
    database_url: str, quantity: int, at: int, code: ReplaceOrderError | PlaceOrderError, in_flight: bool
) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        if in_flight:
            await world.pass_time(500)
        if code is ReplaceOrderError.BELOW_FILLED:
            await world.pass_time(500)
            market_order = (await world.order(old.id)).market_order_id
            assert market_order is not None
            now = world.clock.now()
            filled = 3 * UNIT
            await world.told(Report("paper", market_order, ReportKind.EXECUTION, now, "one", filled, 95 * UNIT, filled))
        before = await world.everything()
        with pytest.raises(Refusal) as refused:
            await wants(world, old, quantity=quantity, terms=limit(at))
        assert refused.value.code is code
        assert await world.everything() == before


async def test_an_order_that_is_over_or_leaving_is_not_replaced(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        await wants(world, old, quantity=6, terms=limit(95))
        with pytest.raises(Refusal) as pending:
            await wants(world, old, quantity=7, terms=limit(95))
        assert pending.value.code is ReplaceOrderError.ALREADY_PENDING
        await world.pass_time(1_000)
        with pytest.raises(Refusal) as over:
            await wants(world, old, quantity=7, terms=limit(95))
        assert over.value.code is ReplaceOrderError.ALREADY_FINAL


async def test_a_sell_is_replaced_and_its_shares_stay_held(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "KO", quantity="9")
        await world.pass_time(500)
        id_ = await world.place(ann, Side.SELL, "KO", quantity="4", limit="110.00", time_in_force=TimeInForce.GTC)
        await world.pass_time(500)
        wanted = await wants(world, await world.order(id_), quantity=7, terms=limit(105))
        await world.pass_time(1_000)
        assert (await world.order(wanted.id)).held == 7 * UNIT
        price(world, "KO", "106.00")
        await world.pass_time(2_000)
        new = await world.order(wanted.id)
        assert (new.status, new.average_price) == (OrderStatus.FILLED, 106 * UNIT - CENT)
        assert await world.shares(ann, "KO") == 2 * UNIT
        await books_agree(world)


async def test_a_refused_replacement_gives_back_the_kind_of_money_that_it_took(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "KO", quantity="5")
        await world.pass_time(500)
        await world.place(ann, Side.SELL, "KO", quantity="5")
        await world.pass_time(500)
        before = await world.cash(ann)
        assert before.unsettled > 0
        id_ = await world.place(ann, Side.BUY, "KO", quantity="5", limit="95.00", time_in_force=TimeInForce.GTC)
        await world.pass_time(500)
        old = await world.order(id_)
        await wants(world, old, quantity=9, terms=limit(95))
        assert (await world.cash(ann)).unsettled < before.unsettled
        assert old.market_order_id is not None
        await world.engine._dealing.let_go(old.market_order_id, old.journal_id, old.instrument_id)
        at = world.clock.now()
        await world.told(Report("paper", old.market_order_id, ReportKind.CHANGE_REJECTED, at, number=1, reason="no"))
        assert (await world.order(id_)).funding == old.funding
        await world.pass_time(1_000)
        assert (await world.order(id_)).status is OrderStatus.CANCELED  # what the venue says of itself
        assert await world.cash(ann) == before
