"""Checkpoints: when they are made, that they are a chain, and that nobody signs what contradicts them."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import asyncpg
import pytest

from app.proof import seal as sealing
from app.proof.checkpoint import FIRST
from tests.proof.publishing import MemoryPublisher
from tests.proof.sealed import fill_up
from tests.proof.sealing import agrees, published, sealer, sizes
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_a_checkpoint_is_made_every_minute_if_there_is_anything_new(database_url: str) -> None:
    async with running(database_url) as world:
        working = sealer(world)
        await working.run_due()
        assert await sizes(world) == []
        await world.investor(10)
        await working.run_due()
        assert await sizes(world) == [2], "the first need not wait"
        await world.investor(10)
        world.clock.advance(timedelta(seconds=59))
        await working.run_due()
        assert await sizes(world) == [2]
        world.clock.advance(timedelta(seconds=1))
        await working.run_due()
        assert await sizes(world) == [2, 4]
        world.clock.advance(timedelta(hours=1))
        await working.run_due()
        assert await sizes(world) == [2, 4]


async def test_a_checkpoint_is_made_at_a_thousand_entries(database_url: str) -> None:
    async with running(database_url) as world:
        working = sealer(world)
        await fill_up(world, 5)
        await working.run_due()
        await fill_up(world, 999)
        await working.run_due()
        assert await sizes(world) == [5]
        await fill_up(world, 1)
        await working.run_due()
        assert await sizes(world) == [5, 1_005]


async def test_checkpoints_are_chained_and_say_when(database_url: str) -> None:
    async with running(database_url) as world:
        for _ in range(3):
            await world.investor(10)
            world.clock.advance(timedelta(minutes=1))
            assert await world.seal()
        assert await world.seal() is None
        first, second, third = published(world)
        assert (first.previous, second.previous, third.previous) == (FIRST, first.hash, second.hash)
        assert third.at == world.clock.now()
        assert second.at == third.at - timedelta(minutes=1)


async def test_every_tenant_has_a_log_of_its_own(database_url: str) -> None:
    async with running(database_url) as world, running(database_url) as other:
        other.seals = world.seals
        await world.investor(10)
        await other.investor(10)
        await sealer(world).run_due()
        assert await sizes(world) == await sizes(other) == [2]
        [ours], [theirs] = published(world), published(other)
        assert ours.origin == f"test.example/{world.commits.journal.tenant_id}/{world.commits.journal.id}"
        assert (ours.origin == theirs.origin, ours.root == theirs.root) == (False, False)


async def test_of_many_sealers_at_once_one_makes_each_checkpoint(database_url: str) -> None:
    async with running(database_url) as world:
        workers = [sealer(world) for _ in range(4)]
        for round_ in range(5):
            await fill_up(world, 1_100)
            await asyncio.gather(*(each.run_due() for each in workers), fill_up(world, round_ + 1))
        world.clock.advance(timedelta(minutes=1))
        await asyncio.gather(*(each.run_due() for each in workers))
        found = published(world)
        assert [each.previous for each in found] == [FIRST, *(each.hash for each in found[:-1])]
        assert await sizes(world) == [each.size for each in found]
        assert found[-1].size == 5 * 1_100 + 15
        await agrees(world)


async def test_a_sealer_that_slept_publishes_nothing_any_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had signed when it fell asleep. Meanwhile another one went on."""
    async with running(database_url) as world:
        await world.investor(10)
        signed, woken = asyncio.Event(), asyncio.Event()
        claim = sealing._claim

        async def sleep_first(*arguments: object) -> bool:
            signed.set()
            await woken.wait()
            return await claim(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(sealing, "_claim", sleep_first)
        sleeper = asyncio.create_task(world.seal())
        await signed.wait()
        monkeypatch.setattr(sealing, "_claim", claim)
        await world.investor(10)
        assert await world.seal() == 4
        woken.set()
        assert await sleeper is None
        assert [each.size for each in published(world)] == await sizes(world) == [4]
        await world.investor(10)
        assert await world.seal() == 6
        await agrees(world)


class Killed(BaseException):
    """As far as the code can tell, the process ends here."""


@dataclass
class Dying(MemoryPublisher):
    """Dies before or after it has taken a checkpoint."""

    when: str = "never"

    def publish(self, origin: str, size: int, note: str) -> None:
        if self.when == "before":
            raise Killed
        super().publish(origin, size, note)
        if self.when == "after":
            raise Killed


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("new", [0, 2])
async def test_what_was_signed_is_published_after_a_crash(database_url: str, when: str, new: int) -> None:
    async with running(database_url) as world:
        publisher = Dying()
        world.seals = replace(world.seals, publisher=publisher)
        await world.investor(10)
        publisher.when = when
        with pytest.raises(Killed):
            await world.seal()
        assert await sizes(world) == [], "it counts once it is published"
        publisher.when = "never"
        if new:
            await fill_up(world, new)
        await sealer(world).run_due()
        assert await sizes(world) == [2, *[2 + new] * bool(new)]
        assert [each.size for each in published(world)] == await sizes(world)
        await agrees(world)


async def test_a_publisher_that_fails_is_tried_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url) as world:
        await world.investor(10)

        def full(*_: object) -> None:
            raise OSError("no space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(MemoryPublisher, "publish", full)
            with pytest.raises(OSError, match="no space"):
                await world.seal()
        assert await sizes(world) == []
        await sealer(world).run_due()
        assert await sizes(world) == [2]


async def test_one_journals_trouble_does_not_hold_up_another(database_url: str) -> None:
    async with running(database_url) as world, running(database_url) as other:

        class Choosy(MemoryPublisher):
            def publish(self, origin: str, size: int, note: str) -> None:
                if origin.endswith(f"/{world.commits.journal.id}"):
                    raise OSError("no space left on device")
                super().publish(origin, size, note)

        world.seals = other.seals = replace(world.seals, publisher=Choosy())
        await world.investor(10)
        await other.investor(10)
        with pytest.raises(ExceptionGroup, match="some journals"):
            await sealer(world).run_due()
        assert (await sizes(world), await sizes(other)) == ([], [2])


async def test_many_blocks_that_wait_are_sealed_at_once(database_url: str) -> None:
    async with running(database_url) as world:
        for _ in range(5):
            await fill_up(world, 1_024)
        await sealer(world).run_due()
        assert await sizes(world) == [5_120]
        nodes = await world.pool.fetch("SELECT level, number FROM ledger.tree_node ORDER BY 1, 2")
        assert [tuple(row) for row in nodes] == [(11, 0), (11, 1), (12, 0)]
        await fill_up(world, 3 * 1_024)
        await sealer(world).run_due()
        assert await world.pool.fetchval("SELECT number FROM ledger.tree_node WHERE level = 13") == 0
        await agrees(world)


async def test_the_engine_may_only_add(database_url: str) -> None:
    async with running(database_url) as world:
        await fill_up(world, 2_048)
        await world.seal()
        for table in ("block", "tree_node", "checkpoint", "publication"):
            for statement in (f"UPDATE ledger.{table} SET journal_id = 1", f"DELETE FROM ledger.{table}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await world.pool.execute(statement)
