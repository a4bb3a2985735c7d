"""Checkpoints: when they are made, that they are a chain, and that nobody signs what contradicts them."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import asyncpg
import pytest

from app.cases.reads import cases
from app.cases.types import CaseKind, SubjectType
from app.kernel.paging import PageOf
from app.ledger.types import Journal
from app.proof import seal as sealing
from app.proof.checkpoint import FIRST, Checkpoint, open_checkpoint
from app.proof.keys import KeyRing
from app.proof.nodes import root_at
from app.proof.publisher import AlreadyPublished
from app.proof.reads import checkpoints, newest_checkpoint
from app.proof.seal import Contradiction
from app.proof.sealer import Sealer
from app.proof.verify import verify
from app.proofs import sealer_of
from tests.proof.publishing import MemoryPublisher, new_seals
from tests.proof.sealed import attacking, fill_up
from tests.world import World, running

pytestmark = pytest.mark.asyncio


@dataclass
class Alarms:
    """Who is told of contradictions."""

    heard: list[str] = field(default_factory=list)

    async def ring(self, _: Journal, message: str) -> None:
        self.heard.append(message)


def sealer(world: World, alarms: Alarms | None = None) -> Sealer:
    return Sealer(world.pool, world.seals, clock=world.clock, alarm=(alarms or Alarms()).ring)


async def sizes(world: World) -> list[int]:
    """Of the published checkpoints, as the API reads them, oldest first."""
    async with world.read() as connection:
        page = await checkpoints(connection, world.commits.journal.id, PageOf(100))
    return [found.size for found in page.items][::-1]


def published(world: World) -> list[Checkpoint]:
    origin = world.seals.origin(world.commits.journal)
    keys = world.seals.keys.verifiers(origin)
    publisher = world.seals.publisher
    return [open_checkpoint(publisher.read(origin, size), keys) for size in publisher.sizes(origin)]


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


async def agrees(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert (await verify(connection, world.seals, world.commits.journal)).faults == []


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


async def cut_off(url: str, position: int) -> None:
    async with attacking(url) as superuser:
        for table in ("event", "transfer"):
            await superuser.execute(f"DELETE FROM ledger.{table} WHERE position > $1", position)
        await superuser.execute("UPDATE ledger.journal_head SET position = $1", position)


async def test_a_contradiction_becomes_a_case_and_nothing_is_signed(database_url: str) -> None:
    async with running(database_url) as world:
        working = sealer_of(world.pool, world.writers, world.seals, world.clock)
        await world.investor(10)
        await working.run_due()
        async with attacking(database_url) as superuser:
            await superuser.execute("UPDATE ledger.event SET actor = 'somebody' WHERE position = 1")
        await world.investor(10)
        for _ in range(3):
            world.clock.advance(timedelta(minutes=1))
            await working.run_due()
        assert await sizes(world) == [2]
        async with world.read() as connection:
            [case] = (await cases(connection, world.commits.journal.tenant_id, None, PageOf(10))).items
        assert case.kind is CaseKind.LOG_CONTRADICTS_CHECKPOINT
        assert (case.subject.type, case.subject.id) == (SubjectType.TENANT, world.commits.journal.tenant_id)
        assert "the first 2 entries of the log are not those of the checkpoint published of them" in case.summary
        events = await world.pool.fetch("SELECT type FROM ledger.event WHERE type LIKE 'CASE%'")
        assert [row["type"] for row in events] == ["CASE_OPENED"], "it is told of once"


async def test_a_log_that_became_shorter_is_not_signed_and_said_once(database_url: str) -> None:
    async with running(database_url) as world:
        alarms = Alarms()
        working = sealer(world, alarms)
        await world.investor(10)
        await working.run_due()
        await cut_off(database_url, 1)
        for _ in range(3):
            await working.run_due()
        assert alarms.heard == ["a checkpoint of 2 entries was published, but the log has 1"]
        assert await sizes(world) == [2]


async def test_checkpoints_that_vanish_from_the_database_still_bind(database_url: str) -> None:
    """What counts is what was published."""
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        async with attacking(database_url) as superuser:
            await superuser.execute("DELETE FROM ledger.publication")
            await superuser.execute("DELETE FROM ledger.checkpoint")
        await world.investor(10)
        assert await world.seal() == 4
        first, second = published(world)
        assert second.previous == first.hash
        async with attacking(database_url) as superuser:
            await superuser.execute("DELETE FROM ledger.publication")
            await superuser.execute("DELETE FROM ledger.checkpoint")
            await superuser.execute("UPDATE ledger.transfer SET amount = amount + 1 WHERE position = 4 AND leg = 1")
        await world.investor(10)
        with pytest.raises(Contradiction, match="the first 4 entries"):
            await world.seal()


async def test_a_forged_checkpoint_is_never_published(database_url: str) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        forged = replace(published(world)[0], size=3, previous=published(world)[0].hash)
        note = new_seals().keys.signer(forged.origin).sign(forged.text)
        await insert(world, forged, note)
        await world.investor(10)
        with pytest.raises(Contradiction, match="signed by no key that counts"):
            await world.seal()
        assert await sizes(world) == [2]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"root": bytes(32)}, "the first 3 entries of the log are not those of the checkpoint signed"),
        ({"previous": bytes(32)}, "does not follow the one that was published last"),
        ({"size": 30}, "a checkpoint of 30 entries was signed, but the log has 4"),
        ({"row": 4}, "what stands as the checkpoint at 4 is the one at 3"),
    ],
)
async def test_what_we_signed_by_mistake_is_not_published_either(
    database_url: str, changed: dict[str, object], why: str
) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        await world.investor(10)
        journal = world.commits.journal.id
        async with world.pool.acquire() as connection:
            root = await root_at(connection, journal, 3)
        [last] = published(world)
        row = changed.pop("row", None)
        made = replace(replace(last, size=3, root=root, previous=last.hash), **changed)  # type: ignore[arg-type]
        await insert(world, made, world.seals.keys.signer(made.origin).sign(made.text), row)
        with pytest.raises(Contradiction, match=why):
            await world.seal()
        assert await sizes(world) == [2]


async def insert(world: World, made: Checkpoint, note: str, size: object = None) -> None:
    await world.pool.execute(
        "INSERT INTO ledger.checkpoint VALUES ($1, $2, 2, $3, $4, $5)",
        world.commits.journal.id,
        size or made.size,
        made.root,
        made.at,
        note,
    )


async def test_another_key_does_not_sign_on(database_url: str) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        old = world.seals
        world.seals = replace(new_seals(), publisher=old.publisher)
        await world.investor(10)
        with pytest.raises(Contradiction, match="signed by no key that counts"):
            await world.seal()
        retired = [old.keys.private.public_key().public_bytes_raw()]
        world.seals = replace(world.seals, keys=KeyRing(world.seals.keys.private, retired))
        assert await world.seal() == 4
        await agrees(world)
        async with world.read() as connection:
            newest = await newest_checkpoint(connection, world.commits.journal.id)
        assert newest is not None
        assert open_checkpoint(newest.note, world.seals.keys.verifiers(published(world)[1].origin)[:1]).size == 4


async def test_another_checkpoint_of_that_size_was_published(database_url: str) -> None:
    """Another database signs under our name, with our key: as after a restore that was not meant to go on."""
    async with running(database_url) as world:
        await world.investor(10)

        class Taken(MemoryPublisher):
            def publish(self, origin: str, size: int, note: str) -> None:
                raise AlreadyPublished(f"another checkpoint of {origin} at {size}")

        world.seals = replace(world.seals, publisher=Taken())
        with pytest.raises(Contradiction, match="another checkpoint of"):
            await world.seal()
        assert await sizes(world) == []


async def test_a_block_that_is_ahead_of_the_log_is_not_built_on(database_url: str) -> None:
    async with running(database_url) as world:
        await fill_up(world, 1_000)
        await world.pool.execute(
            "INSERT INTO ledger.block VALUES ($1, 0, $2, $2, $3)",
            world.commits.journal.id,
            bytes(32),
            bytes(32 * 1024),
        )
        with pytest.raises(Contradiction, match="block 0 is stored, but the log ends at 1000"):
            await world.seal()


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
