"""Reports that get lost, come late, or come to somebody who has no business with them."""

import pytest

from app.kernel.money import CENT, UNIT, to_units
from app.ledger.reads import custody_proof
from app.ledger.replay import replay
from app.market.types import Side
from app.orders.lead import Lead, lead, shard_of
from app.orders.route import Sending, mark_sent
from app.orders.types import MarketOrderStatus, OrderStatus
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.world import World, running

pytestmark = pytest.mark.asyncio

SLOW = PaperBehaviour(split=0.0, first_ms=(100_000, 100_000), slip_cents=0)


async def dealt(world: World, symbol: str = "KO", side: Side = Side.BUY) -> Report:
    """A market order of 50 that was sent, and what the venue would say of 30 of it at $100."""
    ann = await world.investor(10_000)
    await world.place(ann, side, symbol, quantity="50")
    await world.pass_time(100)
    row = await world.pool.fetchrow("SELECT id FROM market_order ORDER BY id DESC LIMIT 1")
    assert row is not None
    at = world.clock.now()
    return Report("paper", row["id"], ReportKind.EXECUTION, at, "one", 30 * UNIT, 100 * UNIT)


def ending(report: Report, quantity: int) -> Report:
    return Report(
        "paper", report.client_order_id, ReportKind.CANCELED, report.at, cumulative_quantity=quantity, reason="enough"
    )


async def all_is_accounted_for(world: World) -> None:
    journal = world.commits.journal.id
    async with world.read() as connection:
        assert all(proof.difference == 0 for proof in await custody_proof(connection, journal))
    async with world.pool.acquire() as connection:
        assert (await replay(connection, journal)).disagreement is None


async def test_an_ending_waits_for_the_execution_that_got_lost(database_url: str) -> None:
    async with running(database_url, SLOW) as world:
        report = await dealt(world)
        await world.told(ending(report, 30 * UNIT))
        status = "SELECT status FROM market_order WHERE id = $1"
        assert await world.pool.fetchval(status, report.client_order_id) == MarketOrderStatus.SENT
        await world.told(report)
        assert await world.pool.fetchval(status, report.client_order_id) == MarketOrderStatus.CANCELED
        filled = await world.pool.fetchrow("SELECT id, filled_quantity, status FROM customer_order")
        assert filled is not None
        assert (to_units(filled["filled_quantity"]), filled["status"]) == (30 * UNIT, OrderStatus.CANCELED)
        await all_is_accounted_for(world)


async def test_what_is_dealt_after_the_end_is_the_houses(database_url: str) -> None:
    async with running(database_url, SLOW) as world:
        report = await dealt(world)
        await world.told(ending(report, 0))
        await world.told(report)
        left = await world.pool.fetchval(
            "SELECT count(*) FROM ledger.account JOIN market_order USING (book_id) WHERE balance <> 0"
        )
        assert left == 0
        house = await world.pool.fetchval("SELECT balance FROM ledger.account WHERE kind = 11")
        assert to_units(house) == 30 * UNIT
        due = await world.pool.fetchrow("SELECT quantity, house_amount FROM trade_settlement")
        assert due is not None
        assert (to_units(due["quantity"]), to_units(due["house_amount"])) == (30 * UNIT, 3_000 * UNIT)
        await all_is_accounted_for(world)


async def test_only_the_process_that_leads_a_shard_may_send(database_url: str) -> None:
    async with running(database_url, SLOW) as world:
        report = await dealt(world)
        shard = shard_of(world.instrument("KO").id)
        ours = (await lead(world.pool, world.engine.id, world.clock.now()))[shard]
        late = await world.commits.submit(mark_sent, Sending(report.client_order_id, Lead(shard, ours.epoch - 1)))
        owner = await world.commits.submit(mark_sent, Sending(report.client_order_id, ours))
        assert late is None
        assert owner is not None
        sent = await world.pool.fetchval("SELECT count(*) FROM ledger.event WHERE type = 'MARKET_ORDER_SENT'")
        assert sent == 1


@pytest.mark.parametrize("slice_", ["0.00000051", "0.00005", "0.000123"])
async def test_many_small_sales_never_bring_more_than_one(database_url: str, slice_: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "BTC", quantity="1")
        await world.pass_time(300)
        before = (await world.cash(ann)).total
        for _ in range(12):
            await world.place(ann, Side.SELL, "BTC", quantity=slice_)
            await world.pass_time(150)
        brought = (await world.cash(ann)).total - before
        sold = UNIT - await world.shares(ann, "BTC")
        quote = world.market.quote(world.instrument("BTC").id)
        assert quote is not None
        assert brought * UNIT <= sold * quote.bid
        assert brought % CENT == 0
        await all_is_accounted_for(world)
