"""Deals that are taken back or corrected: every share and cent goes where it came from, or is owed."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.kernel.money import UNIT, to_units
from app.ledger.reads import custody_proof
from app.ledger.replay import replay
from app.market.types import Side, TimeInForce
from app.orders.hear import Told
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.reports import apply_reports
from app.orders.types import OrderStatus
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.world import World, running

pytestmark = pytest.mark.asyncio

SILENT = PaperBehaviour(first_ms=(10**9, 10**9))


async def market_order_of(world: World, order: UUID) -> UUID:
    id_ = (await world.order(order)).market_order_id
    assert id_ is not None
    return id_


async def says(
    world: World, id_: UUID, kind: ReportKind, execution: str, quantity: int, price: int, *, refers_to: str = ""
) -> None:
    at = world.clock.now()
    await world.told(Report("paper", id_, kind, at, execution, quantity * UNIT, price * UNIT, refers_to=refers_to))


async def sums(world: World) -> dict[str, int]:
    """Balances by kind of account, over everybody, of dollars and shares."""
    rows = await world.pool.fetch(
        "SELECT k.code, a.asset_id = 1 AS cash, sum(a.balance) AS units FROM ledger.account a"
        " JOIN ledger.account_kind k ON k.id = a.kind GROUP BY 1, 2 HAVING sum(a.balance) <> 0"
    )
    return {f"{row['code']} {'USD' if row['cash'] else 'shares'}": to_units(row["units"]) // UNIT for row in rows}


async def all_is_accounted_for(world: World) -> None:
    journal = world.commits.journal.id
    left = await world.pool.fetch(
        "SELECT 1 FROM ledger.account JOIN market_order m USING (book_id) WHERE m.ended_at IS NOT NULL AND balance <> 0"
    )
    assert left == []
    async with world.read() as connection:
        assert all(proof.difference == 0 for proof in await custody_proof(connection, journal))
    async with world.pool.acquire() as connection:
        assert (await replay(connection, journal)).disagreement is None
    lots = await world.pool.fetch(
        "SELECT p.book_id FROM"
        " (SELECT book_id, sum(balance) AS shares FROM ledger.account WHERE kind IN (6, 7) GROUP BY 1) p"
        " LEFT JOIN (SELECT book_id, sum(remaining) AS shares FROM lot GROUP BY 1) l USING (book_id)"
        " WHERE p.shares <> coalesce(l.shares, 0)"
    )
    assert lots == []


async def bought(world: World, dollars: int = 2_000) -> UUID:
    """Ten shares at $100, in executions of six and four."""
    ann = await world.investor(dollars)
    order = await world.place(ann, Side.BUY, "KO", quantity="10")
    await world.pass_time(100)
    made = await market_order_of(world, order)
    await says(world, made, ReportKind.EXECUTION, "one", 6, 100)
    await says(world, made, ReportKind.EXECUTION, "two", 4, 100)
    assert (await world.order(order)).status is OrderStatus.FILLED
    return order


async def test_a_bust_after_the_end_gives_back_money_and_takes_the_shares(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        await says(world, await market_order_of(world, order), ReportKind.BUST, "bust", 0, 0, refers_to="two")
        found = await world.order(order)
        assert (found.status, found.filled_quantity, found.filled_amount) == (
            OrderStatus.CANCELED,
            6 * UNIT,
            600 * UNIT,
        )
        assert await sums(world) == {
            "position shares": 6,
            "settled USD": 1_400,
            "street shares": -6,
            "street USD": 600,
            "fbo USD": -2_000,
        }
        await all_is_accounted_for(world)


async def test_a_bust_is_taken_in_once(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        before = await sums(world)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        await says(world, made, ReportKind.BUST, "another", 0, 0, refers_to="two")
        assert await sums(world) == before
        await all_is_accounted_for(world)


async def test_all_of_it_is_busted(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        made = await market_order_of(world, order)
        for execution in ("one", "two"):
            await says(world, made, ReportKind.BUST, f"bust {execution}", 0, 0, refers_to=execution)
        assert (await world.order(order)).filled_quantity == 0
        assert await sums(world) == {"settled USD": 2_000, "fbo USD": -2_000}
        await all_is_accounted_for(world)


@pytest.mark.parametrize(("price", "cash"), [(90, 1_040), (110, 960)])
async def test_a_corrected_price_is_everybodys_average(database_url: str, price: int, cash: int) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.CORRECTION, "again", 4, price, refers_to="two")
        found = await world.order(order)
        assert found.status is OrderStatus.FILLED
        assert (found.filled_quantity, found.filled_amount) == (10 * UNIT, (2_000 - cash) * UNIT)
        assert (await sums(world))["settled USD"] == cash
        await all_is_accounted_for(world)


async def test_shares_that_were_sold_meanwhile_are_owed_and_made_good(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        ann = (await world.order(order)).account_id
        account = await world.account(ann)
        sale = await world.place(account, Side.SELL, "KO", everything=True)
        await world.pass_time(100)
        await says(world, await market_order_of(world, sale), ReportKind.EXECUTION, "sold", 10, 105)
        await says(world, await market_order_of(world, order), ReportKind.BUST, "bust", 0, 0, refers_to="one")
        found = await sums(world)
        assert found["receivable shares"] == -6
        await all_is_accounted_for(world)
        again = await world.place(account, Side.BUY, "KO", quantity="8")
        await world.pass_time(100)
        await says(world, await market_order_of(world, again), ReportKind.EXECUTION, "new", 8, 100)
        await world.pass_time(2_000)
        found = await sums(world)
        assert "receivable shares" not in found
        assert found["position shares"] == 2
        await all_is_accounted_for(world)


async def test_shares_behind_an_open_sell_stay_there_and_as_many_are_owed(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        account = await world.account((await world.order(order)).account_id)
        sale = await world.place(account, Side.SELL, "KO", quantity="9", limit="150.00")
        await world.pass_time(100)
        await says(world, await market_order_of(world, order), ReportKind.BUST, "bust", 0, 0, refers_to="one")
        found = await sums(world)
        assert (found["position_held shares"], found["receivable shares"]) == (9, -5)
        await all_is_accounted_for(world)
        await world.cancel(sale)
        await says(world, await market_order_of(world, sale), ReportKind.CANCELED, "", 0, 0)
        await world.pass_time(2_000)
        assert (await sums(world))["position shares"] == 4
        await all_is_accounted_for(world)


async def test_a_bust_of_a_sale_gives_the_shares_back_and_takes_the_money(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await bought(world)
        account = await world.account((await world.order(order)).account_id)
        sale = await world.place(account, Side.SELL, "KO", quantity="7")
        await world.pass_time(100)
        made = await market_order_of(world, sale)
        await says(world, made, ReportKind.EXECUTION, "s1", 5, 110)
        await says(world, made, ReportKind.EXECUTION, "s2", 2, 110)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="s1")
        assert await world.shares(account, "KO") == 8 * UNIT
        assert (await world.cash(account)).unsettled == 220 * UNIT
        due = await world.pool.fetchval("SELECT sum(amount) FROM cash_settlement WHERE settled_at IS NULL")
        assert due == 220
        sold = await world.pool.fetchrow("SELECT sum(quantity) AS q, sum(proceeds) AS p FROM lot_sale")
        assert sold is not None
        assert (sold["q"], sold["p"]) == (2, 220)
        await all_is_accounted_for(world)


async def test_a_bust_while_more_may_come_goes_back_behind_the_order(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(2_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="10", limit="100.00")
        await world.pass_time(100)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.EXECUTION, "one", 6, 100)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        found = await world.order(order)
        assert (found.status, found.held, found.filled_quantity) == (OrderStatus.NEW, 1_000 * UNIT, 0)
        await says(world, made, ReportKind.EXECUTION, "two", 10, 99)
        found = await world.order(order)
        assert (found.status, found.filled_amount) == (OrderStatus.FILLED, 990 * UNIT)
        await all_is_accounted_for(world)


async def test_a_bust_that_comes_before_its_execution_is_asked_for_again(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(2_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(100)
        made = await market_order_of(world, order)
        before = await world.everything()
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        assert await world.everything() == before


async def test_several_customers_give_back_in_proportion_and_the_house_first(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(2_000) for _ in range(3)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="3.3") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, orders[0])
        await says(world, made, ReportKind.EXECUTION, "one", 7, 100)
        await says(world, made, ReportKind.EXECUTION, "two", 3, 101)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        found = [await world.order(each) for each in orders]
        assert sum(order.filled_quantity for order in found) == 7 * UNIT
        assert max(o.filled_quantity for o in found) - min(o.filled_quantity for o in found) <= 1
        assert "inventory shares" not in await sums(world)
        await all_is_accounted_for(world)
        # What had settled before would go back with the same date as the deal, so both ways meet there.
        await world.jump(world.clock.now().replace(day=30))
        await world.pass_time(2_000)
        assert "street shares" not in await sums(world)
        await all_is_accounted_for(world)


@pytest.mark.parametrize("lowered", [False, True])
async def test_filled_and_busted_in_one_breath_is_over(database_url: str, lowered: bool) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(2_000) for _ in range(2)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="3", limit="100.00") for each in people]
        await world.pass_time(100)
        made, at = await market_order_of(world, orders[0]), world.clock.now()
        executed = 3 if lowered else 6
        if lowered:
            await world.cancel(orders[1])
            await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        reports = [
            Report("paper", made, ReportKind.EXECUTION, at, "one", UNIT, 100 * UNIT, UNIT),
            Report("paper", made, ReportKind.EXECUTION, at, "two", (executed - 1) * UNIT, 100 * UNIT, executed * UNIT),
            Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=3 * UNIT),
            Report(
                "paper", made, ReportKind.BUST, at, "bust", refers_to="one", cumulative_quantity=(executed - 1) * UNIT
            ),
        ]
        dates = world.market.trade_dates(world.instrument("KO"), at)
        await asyncio.gather(*(world.commits.submit(apply_reports, Told(each, *dates)) for each in reports))
        assert {(await world.order(each)).status for each in orders} == {OrderStatus.CANCELED}
        assert await world.pool.fetchval("SELECT customers_quantity FROM market_order") == executed - 1
        await all_is_accounted_for(world)


async def test_an_order_that_is_filled_in_the_commit_of_a_bust_says_so(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(2_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="10", limit="101.00")
        await world.pass_time(100)
        made, at = await market_order_of(world, order), world.clock.now()
        await says(world, made, ReportKind.EXECUTION, "one", 2, 100)
        reports = [
            Report("paper", made, ReportKind.BUST, at, "bust", refers_to="one"),
            Report("paper", made, ReportKind.EXECUTION, at, "two", 10 * UNIT, 101 * UNIT, 10 * UNIT),
        ]
        dates = world.market.trade_dates(world.instrument("KO"), at)
        await asyncio.gather(*(world.commits.submit(apply_reports, Told(each, *dates)) for each in reports))
        assert (await world.order(order)).status is OrderStatus.FILLED
        events = await world.pool.fetch("SELECT type FROM ledger.event WHERE correlation = $1 ORDER BY position", order)
        assert [event["type"] for event in events][-2:] == ["ORDER_TRADE_CORRECTED", "ORDER_FILLED"]
        assert (await sums(world))["position shares"] == 10
        await all_is_accounted_for(world)


async def test_a_bust_that_overtakes_the_last_execution_leaves_nothing_open(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(2_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(100)
        made = await market_order_of(world, order)
        at = world.clock.now()
        first = Report("paper", made, ReportKind.EXECUTION, at, "one", 6 * UNIT, 100 * UNIT, 6 * UNIT)
        bust = Report("paper", made, ReportKind.BUST, at, "bust", cumulative_quantity=4 * UNIT, refers_to="one")
        last = Report("paper", made, ReportKind.EXECUTION, at, "two", 4 * UNIT, 100 * UNIT, 10 * UNIT)
        for report in (first, bust, last):
            await world.told(report)
        found = await world.order(order)
        assert (found.status, found.filled_quantity, found.held) == (OrderStatus.CANCELED, 4 * UNIT, 0)
        await all_is_accounted_for(world)


@pytest.mark.parametrize("side", Side)
async def test_what_comes_new_in_the_same_commit_outweighs_what_is_taken_back(database_url: str, side: Side) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.account((await world.order(await bought(world))).account_id)
        order = await world.place(ann, side, "KO", quantity="9")
        await world.pass_time(100)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.EXECUTION, "three", 2, 100)
        at = world.clock.now()
        reports = [
            Report("paper", made, ReportKind.BUST, at, "bust", refers_to="three"),
            Report("paper", made, ReportKind.EXECUTION, at, "four", 5 * UNIT, 90 * UNIT),
        ]
        dates = world.market.trade_dates(world.instrument("KO"), at)
        await asyncio.gather(*(world.commits.submit(apply_reports, Told(each, *dates)) for each in reports))
        found = await world.order(order)
        assert (found.filled_quantity, found.filled_amount) == (5 * UNIT, 450 * UNIT)
        lots = await world.pool.fetchrow("SELECT sum(remaining) AS shares, sum(remaining_cost) AS cost FROM lot")
        assert lots is not None
        assert (lots["shares"], lots["cost"]) == ((15, 1_450) if side is Side.BUY else (5, 500))
        sold = await world.pool.fetchrow("SELECT sum(quantity) AS shares, sum(proceeds) AS brought FROM lot_sale")
        assert sold is not None
        assert (sold["shares"], sold["brought"]) == ((None, None) if side is Side.BUY else (5, 450))
        await all_is_accounted_for(world)


async def test_of_proceeds_that_are_due_on_several_days_the_last_are_due_no_more(database_url: str) -> None:
    """When trades settled two days later."""
    async with running(database_url, SILENT, datetime(2024, 5, 20, 15, tzinfo=UTC)) as world:
        ann = await world.account((await world.order(await bought(world))).account_id)
        gtc = TimeInForce.GTC
        order = await world.place(ann, Side.SELL, "KO", quantity="10", limit="99.00", time_in_force=gtc)
        await world.pass_time(100)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.EXECUTION, "monday", 4, 100)
        await world.jump(datetime(2024, 5, 21, 15, tzinfo=UTC))
        await says(world, made, ReportKind.EXECUTION, "tuesday", 3, 100)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="tuesday")
        due = "SELECT due_on::text, amount FROM cash_settlement WHERE order_id = $1 ORDER BY due_on"
        rows = [tuple(row) for row in await world.pool.fetch(due, order)]
        assert rows == [("2024-05-22", 400), ("2024-05-23", 0)]
        await says(world, made, ReportKind.EXECUTION, "again", 3, 100)
        await says(world, made, ReportKind.BUST, "another", 0, 0, refers_to="monday")
        rows = [tuple(row) for row in await world.pool.fetch(due, order)]
        assert rows == [("2024-05-22", 300), ("2024-05-23", 0)]
        await all_is_accounted_for(world)
