"""Who leads: one process per shard, within a second another, and whoever slept finishes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from app.kernel.ids import new_id
from app.market.types import Side
from app.orders.engine import OrderEngine
from app.orders.gather import gather
from app.orders.lead import LEASE, RENEW_EVERY, SHARDS, Lead, give_up, lead, shard_of
from app.orders.route import Sending, mark_sent
from app.orders.statement import Gather
from app.orders.types import OrderStatus
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def test_two_processes_share_the_shards_and_one_takes_all_when_the_other_is_gone(database_url: str) -> None:
    async with running(database_url) as world:
        one, two = new_id(), new_id()
        now = world.clock.now()
        assert len(await lead(world.pool, one, now)) == SHARDS
        assert await lead(world.pool, two, now) == {}, "the first holds them all, for a moment"
        first = await lead(world.pool, one, now + RENEW_EVERY)
        second = await lead(world.pool, two, now + RENEW_EVERY)
        assert (len(first), len(second)) == (SHARDS // 2, SHARDS // 2)
        assert first.keys() | second.keys() == set(range(SHARDS))
        after = now + RENEW_EVERY + LEASE + timedelta(milliseconds=1)
        assert len(await lead(world.pool, two, after)) == SHARDS
        assert after - now < timedelta(seconds=1)


async def test_who_gives_up_is_followed_at_once(database_url: str) -> None:
    async with running(database_url) as world:
        one, two = new_id(), new_id()
        await lead(world.pool, one, world.clock.now())
        await give_up(world.pool, one)
        assert len(await lead(world.pool, two, world.clock.now())) == SHARDS


async def test_a_leader_that_slept_gathers_and_sends_nothing(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        shard = shard_of(world.instrument("KO").id)
        then = world.clock.now()
        asleep = (await lead(world.pool, new_id(), then))[shard]
        newer = (await lead(world.pool, new_id(), then + timedelta(seconds=1)))[shard]
        assert newer.epoch == asleep.epoch + 1
        id_ = await world.place(ann, Side.BUY, "KO", amount="10.00")
        group = (await world.order(id_)).group
        quote = world.market.quote(group.instrument_id)
        assert quote is not None
        dates = world.market.trade_dates(world.instrument("KO"))
        before = await world.everything()

        def command(lead: Lead) -> Gather:
            return Gather(group, world.clock.now(), quote.ask, True, "paper", *dates, lead=lead)

        assert (await world.commits.submit(gather, command(asleep))).market_order is None
        assert await world.everything() == before
        made = (await world.commits.submit(gather, command(newer))).market_order
        assert made is not None
        before = await world.everything()
        assert await world.commits.submit(mark_sent, Sending(made.id, asleep)) is None
        assert await world.everything() == before
        assert await world.commits.submit(mark_sent, Sending(made.id, newer)) is not None


@asynccontextmanager
async def another_process(world: World) -> AsyncIterator[OrderEngine]:
    """A second engine on the same database, with the same venues."""
    engine = world.engine
    other = OrderEngine(
        world.pool,
        world.writers,
        world.market,
        engine._venues,
        world.hub,
        clock=world.clock,
        lease_clock=world.clock,
        patience=30.0,
    )
    try:
        yield other
    finally:
        await give_up(world.pool, other.id)


async def test_another_process_goes_on_within_a_second(database_url: str) -> None:
    async with running(database_url) as world, another_process(world) as other:
        ann = await world.investor(100)
        await world.engine.run_due()
        id_ = await world.place(ann, Side.BUY, "KO", amount="10.00")
        killed_at = world.clock.now()
        while (await world.order(id_)).status is not OrderStatus.FILLED:
            world.clock.advance(timedelta(milliseconds=50))
            await other.run_due()
            assert world.clock.now() - killed_at < timedelta(seconds=1)


async def test_only_who_speaks_to_an_exclusive_venue_sends(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url) as world, another_process(world) as other:
        ann = await world.investor(1_000)
        speaks = False
        monkeypatch.setattr(world.venue, "exclusive", True, raising=False)
        monkeypatch.setattr(world.venue, "ready", lambda: speaks)
        await world.engine.run_due()
        id_ = await world.place(ann, Side.BUY, "KO", quantity="2")
        await world.pass_time(2_000)
        assert await world.pool.fetchval("SELECT count(*) FROM venue_order WHERE sent_at IS NOT NULL") == 0
        assert (await world.order(id_)).status is OrderStatus.NEW
        speaks = True
        for _ in range(40):
            world.clock.advance(timedelta(milliseconds=50))
            await other.run_due()
        assert (await world.order(id_)).status is OrderStatus.FILLED, "sent by the one that does not lead"


async def test_who_does_not_lead_rings_for_who_does(database_url: str) -> None:
    async with running(database_url) as world, another_process(world) as other:
        ann = await world.investor(100)
        await world.engine.run_due()
        world.clock.advance(timedelta(milliseconds=10))
        await other.run_due()
        async with world.hub.listen("orders") as bell:
            id_ = await world.place(ann, Side.BUY, "KO", amount="10.00")
            assert not await bell.wait(0.01), "its own leader needs no bell"
            other.notice((await world.order(id_)).group)
            async with asyncio.timeout(5):
                assert await bell.wait(5)
