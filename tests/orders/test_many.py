"""Market orders with more participants than one commit takes: gathered, shared out and taken back in chunks."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.market.types import Side
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.share_out_many import begin_run, share_out_chunk
from app.orders.types import Order, OrderStatus
from app.venues.port import ReportKind
from tests.orders.test_busts import SILENT, all_is_accounted_for, market_order_of, says
from tests.world import World, running

pytestmark = pytest.mark.asyncio

PEOPLE = 10


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gather, reports, run, share_out_many):
        monkeypatch.setattr(module, "CHUNK", 3)


async def placed(world: World, **more: str) -> list[UUID]:
    people = [await world.investor(1_000) for _ in range(PEOPLE)]
    orders = [
        world.place(each, Side.BUY, "KO", quantity=f"1.{number}", **more)  # type: ignore[arg-type]
        for number, each in enumerate(people)
    ]
    ids = list(await asyncio.gather(*orders))
    await world.pass_time(200)
    return ids


async def found(world: World, ids: list[UUID]) -> list[Order]:
    return [await world.order(each) for each in ids]


@pytest.mark.usefixtures("small_chunks")
async def test_all_are_in_one_statement_and_get_what_they_asked_for(database_url: str) -> None:
    async with running(database_url) as world:
        ids = await placed(world)
        await world.pass_time(500)
        orders = await found(world, ids)
        assert {order.status for order in orders} == {OrderStatus.FILLED}
        assert len({order.market_order_id for order in orders}) == 1
        assert await world.pool.fetchval("SELECT count(*) FROM allocation_run") == 0
        created = await world.pool.fetchval(
            "SELECT data->>'orders' FROM ledger.event WHERE type = 'MARKET_ORDER_CREATED'"
        )
        assert created == str(PEOPLE)
        await all_is_accounted_for(world)


@pytest.mark.usefixtures("small_chunks")
async def test_partial_fills_an_end_and_a_bust(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ids = await placed(world)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 7, 100)
        await world.pass_time(1_200)
        assert sum(order.filled_quantity for order in await found(world, ids)) == 7 * UNIT
        await says(world, made, ReportKind.EXECUTION, "two", 8, 101)
        await world.pass_time(1_200)
        orders = await found(world, ids)
        assert {order.status for order in orders} == {OrderStatus.FILLED}
        await all_is_accounted_for(world)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        await world.engine._intake.share_out(made)
        orders = await found(world, ids)
        assert sum(order.filled_quantity for order in orders) == 7 * UNIT
        assert {order.status for order in orders} == {OrderStatus.CANCELED}
        assert all(order.filled_amount // UNIT == order.filled_quantity * 100 // UNIT for order in orders)
        await all_is_accounted_for(world)


@pytest.mark.usefixtures("small_chunks")
async def test_processes_that_plan_at_once_work_on_one_plan(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ids = await placed(world)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 15, 100)
        assert await asyncio.gather(*(begin_run(world.pool, made) for _ in range(5))) == [True] * 5
        assert await world.pool.fetchval("SELECT count(*) FROM allocation_run") == 1
        await world.pass_time(1_200)
        assert {order.status for order in await found(world, ids)} == {OrderStatus.FILLED}
        await all_is_accounted_for(world)


@pytest.mark.usefixtures("small_chunks")
async def test_another_process_goes_on_where_one_was_killed(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ids = await placed(world)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 15, 100)
        assert await begin_run(world.pool, made)
        assert await begin_run(world.pool, made), "the same run"
        assert (await world.commits.submit(share_out_chunk, made)).more
        statuses = [order.status for order in await found(world, ids)]
        assert statuses.count(OrderStatus.FILLED) == 3
        await world.pass_time(1_200)
        orders = await found(world, ids)
        assert {order.status for order in orders} == {OrderStatus.FILLED}
        fills = await world.pool.fetchval("SELECT count(*) FROM ledger.event WHERE type = 'ORDER_FILLED'")
        assert fills == PEOPLE
        await all_is_accounted_for(world)


@pytest.mark.usefixtures("small_chunks")
async def test_others_pass_between_chunks(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url, SILENT) as world:
        ids = await placed(world)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 15, 100)
        seen: list[int] = []

        async def look(batch: Batch, commands: list[None]) -> list[int]:
            seen.append(
                await batch.connection.fetchval("SELECT count(*) FROM customer_order WHERE ended_at IS NOT NULL")
            )
            return [0 for _ in commands]

        submit = world.commits.submit

        async def with_a_look(use_case: object, command: object, **more: int) -> object:
            answer: object = await submit(use_case, command, **more)  # type: ignore[arg-type]
            await submit(look, None)  # type: ignore[arg-type]
            return answer

        monkeypatch.setattr(world.commits, "submit", with_a_look)
        await world.engine._intake.share_out(made)
        assert seen == [3, 6, 9, 10]


@pytest.mark.usefixtures("small_chunks")
async def test_some_leave_a_large_market_order(database_url: str) -> None:
    async with running(database_url) as world:
        ids = await placed(world, limit="95.00")
        for each in ids[:4]:
            await world.cancel(each)
        await world.pass_time(2_000)
        orders = await found(world, ids)
        assert [order.status for order in orders] == [OrderStatus.CANCELED] * 4 + [OrderStatus.NEW] * 6
        for each in ids[4:]:
            await world.cancel(each)
        await world.pass_time(2_000)
        assert {order.status for order in await found(world, ids)} == {OrderStatus.CANCELED}
        assert await world.pool.fetchval("SELECT sum(balance) FROM ledger.account WHERE kind = 5") == 0
        await all_is_accounted_for(world)


async def test_no_run_is_planned_from_what_a_commit_is_changing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is planned beside the journal's lock, while the same market order is filled in a commit under it."""
    planning: list[asyncio.Task[bool]] = []
    original = reports._running

    async def running_until_planned(batch: Batch, ids: Sequence[UUID]) -> set[UUID]:
        found = await original(batch, ids)
        planning.append(asyncio.create_task(begin_run(world.pool, *ids)))
        async with asyncio.timeout(20):
            while not planning[0].done() and not await world.pool.fetchval(_WAITS):
                await asyncio.sleep(0)
        return found

    async with running(database_url, SILENT) as world:
        people = [await world.investor(1_000) for _ in range(2)]
        stays, leaves = [
            await world.place(each, Side.BUY, "KO", quantity=quantity, limit="101.00")
            for each, quantity in zip(people, ("0.9", "0.06"), strict=True)
        ]
        await world.pass_time(200)
        made = await market_order_of(world, stays)
        await world.commits.submit(cancel, CancelOrder(leaves, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        monkeypatch.setattr(reports, "_running", running_until_planned)
        await says(world, made, ReportKind.EXECUTION, "one", 1, 100)
        assert await planning[0] is False
        assert await world.pool.fetchval("SELECT count(*) FROM allocation_run") == 0
        assert [each.status for each in await found(world, [stays, leaves])] == [OrderStatus.FILLED] * 2
        await all_is_accounted_for(world)


_WAITS = """
SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE NOT granted AND datname = current_database())
"""
