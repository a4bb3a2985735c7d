"""Nobody signs, or publishes, what contradicts what was published before; and a person is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.cases.reads import cases
from app.cases.types import CaseKind, SubjectType
from app.kernel.paging import PageOf
from app.proof.checkpoint import FIRST, Checkpoint, open_checkpoint
from app.proof.keys import KeyRing
from app.proof.nodes import root_at
from app.proof.publisher import AlreadyPublished
from app.proof.reads import newest_checkpoint
from app.proof.seal import Contradiction
from app.proof.verify import verify
from app.proofs import sealer_of
from tests.proof.publishing import MemoryPublisher, new_seals
from tests.proof.sealed import attacking, fill_up
from tests.proof.sealing import Alarms, agrees, published, sealer, sizes
from tests.world import World, running

pytestmark = pytest.mark.asyncio


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


@pytest.mark.parametrize("left", [0, 1])
async def test_a_publisher_that_lost_its_newest_checkpoints_is_a_contradiction(database_url: str, left: int) -> None:
    """An empty folder in the place of the one that was published to would bind nobody to anything."""
    async with running(database_url) as world:
        alarms, publisher = Alarms(), MemoryPublisher()
        world.seals = replace(world.seals, publisher=publisher)
        for _ in range(2):
            await world.investor(10)
            await world.seal()
        for place in sorted(publisher.notes)[left:]:
            del publisher.notes[place]
        await world.investor(10)
        world.clock.advance(timedelta(minutes=1))
        await sealer(world, alarms).run_due()
        assert alarms.heard == ["a checkpoint of 4 entries was published, and the publisher has it no more"]
        async with world.pool.acquire() as connection:
            found = await verify(connection, world.seals, world.commits.journal)
        assert found.faults == ["the checkpoint of 4 entries was published, and the publisher has it no more"]


async def test_after_a_restore_to_an_earlier_moment_the_log_goes_on_under_a_new_name(database_url: str) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        later = replace(published(world)[0], size=5, previous=published(world)[0].hash)
        note = world.seals.keys.signer(later.origin).sign(later.text)
        world.seals.publisher.publish(later.origin, later.size, note)  # and then the database was restored
        working = sealer_of(world.pool, world.writers, world.seals, world.clock)
        await working.run_due()
        await world.investor(10)
        world.clock.advance(timedelta(minutes=1))
        await working.run_due()
        async with world.read() as connection:
            [case] = (await cases(connection, world.commits.journal.tenant_id, None, PageOf(10))).items
        assert "a checkpoint of 5 entries was published, but the log has 4" in case.summary
        assert "restored to an earlier moment" in case.summary
        assert "new PROOF_ORIGIN" in case.summary
        world.seals = replace(world.seals, base="again.example")
        assert await world.seal() == 5, "what the case told is sealed too"
        await world.investor(10)
        assert await world.seal() == 7
        first, second = published(world)
        assert (first.size, first.previous, second.previous) == (5, FIRST, first.hash)
        await agrees(world)


async def test_a_name_that_was_given_up_is_not_taken_up_again_in_silence(database_url: str) -> None:
    """What comes after the last checkpoint of that name was signed under another one: nothing could follow it."""
    async with running(database_url) as world:
        alarms, before = Alarms(), world.seals
        await world.investor(10)
        await world.seal()
        world.seals = replace(world.seals, base="again.example")
        await world.investor(10)
        await world.seal()
        world.seals = before
        await world.investor(10)
        for _ in range(3):
            world.clock.advance(timedelta(minutes=1))
            await sealer(world, alarms).run_due()
        assert set(alarms.heard) == {
            f"the checkpoint of 4 entries was made under another name, again.example/{world.commits.journal.tenant_id}"
            f"/{world.commits.journal.id}: this one can't be taken up again"
        }
        assert len(await sizes(world)) == 2


async def test_what_another_name_was_given_to_is_checked_too(database_url: str) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        await world.seal()
        world.seals = replace(world.seals, base="again.example")
        await world.investor(10)
        await world.seal()
        await agrees(world)
        async with attacking(database_url) as superuser:
            await superuser.execute("UPDATE ledger.checkpoint SET note = note || 'more' WHERE size = 2")
        async with world.pool.acquire() as connection:
            found = await verify(connection, world.seals, world.commits.journal)
        assert found.faults == ["the checkpoint at 2, under another name, is not in the database as it was published"]


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
        "SELECT ledger.add_checkpoint($1, $2, 2, $3, $4, $5)",
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
            "SELECT ledger.store_block($1, 0, $2, $2, $3, '{}', '{}', '{}')",
            world.commits.journal.id,
            bytes(32),
            bytes(32 * 1024),
        )
        with pytest.raises(Contradiction, match="block 0 is stored, but the log ends at 1000"):
            await world.seal()
