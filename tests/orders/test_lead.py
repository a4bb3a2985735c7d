"""Leases: work under way holds a shard against others, and never against who leads it."""

import asyncio
from datetime import timedelta

import pytest

from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.orders.lead import _TAKE, LEASE, lead, still_leading
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_a_lease_is_renewed_while_a_batch_that_rests_on_it_is_under_way(database_url: str) -> None:
    async with running(database_url) as world, world.pool.acquire() as connection, connection.transaction():
        ours = await lead(world.pool, world.engine.id, world.clock.now())
        batch = Batch(connection, world.commits.journal, world.clock.now(), world.clock.now())
        assert await still_leading(batch, ours.values()) == set(ours.values())
        async with asyncio.timeout(5):
            assert await lead(world.pool, world.engine.id, world.clock.now() + LEASE / 2) == ours
        # and in whichever order a second use case of the same batch asks
        assert await still_leading(batch, reversed(ours.values())) == set(ours.values())


async def test_nobody_takes_a_shard_over_before_the_batch_that_rests_on_it_has_ended(database_url: str) -> None:
    async with running(database_url) as world:
        ours = await lead(world.pool, world.engine.id, world.clock.now())
        later, other = world.clock.now() + LEASE + timedelta(seconds=1), new_id()
        async with world.pool.acquire() as connection, connection.transaction():
            batch = Batch(connection, world.commits.journal, world.clock.now(), world.clock.now())
            kept = list(ours.values())[:3]
            assert await still_leading(batch, kept) == set(kept)
            async with asyncio.timeout(5):
                taken = await lead(world.pool, other, later)
            assert taken.keys() == ours.keys() - {each.shard for each in kept}
            assert await still_leading(batch, ours.values()) == set(kept), "the others have a newer epoch"
        assert (await lead(world.pool, other, later)).keys() == ours.keys()


async def test_who_is_being_followed_finds_out_before_it_acts(database_url: str) -> None:
    async with running(database_url) as world, world.pool.acquire() as first, world.pool.acquire() as second:
        ours = await lead(world.pool, world.engine.id, world.clock.now())
        taking = first.transaction()
        await taking.start()
        later = world.clock.now() + 2 * LEASE
        assert await first.fetch(_TAKE, new_id(), later, later + LEASE, "orders/%", len(ours))
        async with second.transaction():
            batch = Batch(second, world.commits.journal, later, later)
            asking = asyncio.create_task(still_leading(batch, ours.values()))
            done, _ = await asyncio.wait([asking], timeout=0.2)
            assert not done, "it waits for who takes over"
            await taking.commit()
            async with asyncio.timeout(5):
                assert await asking == set()
