"""The engine's edges: closed exchanges, windows larger than a market order, failures that must not spread."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.clients.open import OpenAccount, open_accounts
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT
from app.ledger.books import open_tenant
from app.market.types import Side
from app.orders import gather
from app.orders.types import Group, OrderStatus, Terms
from app.venues.port import VenueOrder
from app.venues.profile import Rounding
from tests.world import running

pytestmark = pytest.mark.asyncio

SATURDAY = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)
MONDAY_OPEN = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)


async def test_an_order_off_hours_waits_for_the_open_while_crypto_trades(database_url: str) -> None:
    async with running(database_url, at=SATURDAY) as world:
        ann = await world.investor(100)
        shares = await world.place(ann, Side.BUY, "AAPL", amount="10.00")
        coins = await world.place(ann, Side.BUY, "BTC", amount="10.00")
        await world.pass_time(2_000, 100)
        assert (await world.order(shares)).status is OrderStatus.ACCEPTED
        assert (await world.order(coins)).status is OrderStatus.FILLED
        assert await world.engine.run_due() >= world.clock.now() + timedelta(milliseconds=100), "it doesn't spin"
        await world.jump(MONDAY_OPEN)
        await world.pass_time(300)
        assert (await world.order(shares)).status is OrderStatus.FILLED


async def test_a_window_with_too_many_orders_becomes_several_market_orders(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MAX_PARTICIPANTS", 3)
    async with running(database_url) as world:
        people = [await world.investor(100) for _ in range(7)]
        orders = await asyncio.gather(*(world.place(each, Side.BUY, "KO", amount="10.00") for each in people))
        await world.pass_time(300)
        found = [await world.order(order) for order in orders]
        assert {order.status for order in found} == {OrderStatus.FILLED}
        sizes = [sum(order.market_order_id == id_ for order in found) for id_ in {o.market_order_id for o in found}]
        assert sorted(sizes) == [1, 3, 3]


async def test_an_order_that_can_not_be_sent_holds_up_no_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        bad = await world.place(ann, Side.BUY, "GE", amount="10.00")
        good = await world.place(ann, Side.BUY, "KO", amount="10.00")
        submit, broken = world.venue.submit, world.instrument("GE").id

        async def fragile(order: VenueOrder) -> None:
            if order.instrument_id == broken:
                raise ConnectionError("the line is down")
            await submit(order)

        monkeypatch.setattr(world.venue, "submit", fragile)
        with pytest.raises(ExceptionGroup, match="could not do everything"):
            await world.pass_time(100)
        monkeypatch.setattr(world.venue, "submit", submit)
        await world.pass_time(500)
        assert (await world.order(good)).status is OrderStatus.FILLED
        assert (await world.order(bad)).status is OrderStatus.NEW
        await world.pass_time(7_000, 500)
        assert (await world.order(bad)).status is OrderStatus.FILLED, "it was sent once the line was up again"


async def test_what_falls_due_while_the_engine_works_is_not_forgotten(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time goes by while orders are sent: a window that closes meanwhile is looked at at once, not a second later."""
    async with running(database_url) as world:
        ann = await world.investor(100)
        await world.place(ann, Side.BUY, "GE", amount="10.00")
        world.clock.advance(timedelta(milliseconds=30))
        await world.place(ann, Side.BUY, "KO", amount="10.00")
        submit = world.venue.submit

        async def slow(order: VenueOrder) -> None:
            world.clock.advance(timedelta(milliseconds=80))
            await submit(order)

        monkeypatch.setattr(world.venue, "submit", slow)
        world.clock.advance(timedelta(milliseconds=25))
        assert await world.engine.run_due() <= world.clock.now()


async def test_an_instrument_that_this_process_does_not_know_holds_up_no_other(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        strange = await world.place(ann, Side.BUY, "GE", amount="10.00")
        known = await world.place(ann, Side.BUY, "KO", amount="10.00")
        del world.market.instruments[world.instrument("GE").id]  # type: ignore[attr-defined]
        await world.pass_time(1_500, 100)
        assert (await world.order(known)).status is OrderStatus.FILLED
        assert (await world.order(strange)).status is OrderStatus.ACCEPTED


async def test_a_tenant_whose_journal_is_locked_makes_no_other_wait(database_url: str) -> None:
    async with running(database_url, patience=1.0) as world:
        ann = await world.investor(100)
        order = await world.place(ann, Side.BUY, "KO", amount="10.00")
        async with world.pool.acquire() as elsewhere:
            other = await open_tenant(elsewhere, "Locked", world.clock.now())
            await world.writers.of(other.tenant_id)
            async with elsewhere.transaction():
                await elsewhere.fetchval("SELECT ledger.lock_journal($1)", other.id)
                stuck = asyncio.create_task(
                    world.writers.of_journal(other.id).submit(open_accounts, OpenAccount(new_id(), "Stuck", "test"))
                )
                world.engine.notice(Group(other.id, world.instrument("KO").id, Side.BUY, Terms()))
                await world.pass_time(300)
                assert (await world.order(order)).status is OrderStatus.FILLED
                assert not stuck.done()
        await stuck


async def test_a_venues_precision_is_data(database_url: str) -> None:
    """A venue that takes four decimals and cuts: $10 at $100.01 are 0.0999 shares, not 0.09999."""
    async with running(database_url) as world:
        for key, profiles in world.engine._venues.profiles.by_venue_and_kind.items():
            coarse = tuple(replace(each, scale=4, rounding=Rounding.TRUNCATE) for each in profiles)
            world.engine._venues.profiles.by_venue_and_kind[key] = coarse  # type: ignore[index]
        ann = await world.investor(100)
        id_ = await world.place(ann, Side.BUY, "KO", amount="10.00")
        await world.pass_time(500)
        order = await world.order(id_)
        assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, 999 * UNIT // 10_000)
        assert order.filled_amount == 999 * CENT
