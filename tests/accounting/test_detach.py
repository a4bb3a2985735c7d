"""What the books are still to be closed with does not leave the log."""

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from app.archive import archive_all
from app.kernel.errors import Refusal
from app.ledger.audit import prove
from app.proofs import verify_all
from tests.accounting.keeping import Keeping, entries
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio


async def archive(world: World, url: str, folder: Path, *, detached: bool = True) -> list[str]:
    said: list[str] = []
    later = world.clock.now() + timedelta(days=1)
    assert await archive_all(url, str(folder), later, world.seals, said.append, detached=detached, drop=True)
    return said


async def test_nothing_is_detached_that_is_not_closed(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        keeping, journal = Keeping(world), world.commits.journal
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        await entries(world, 1_030)
        await world.jump(WEDNESDAY.replace(day=27))
        await entries(world, 1_030)
        await world.seal()
        await superuser.close()
        async with world.pool.acquire() as connection:
            await prove(connection, journal, world.clock)
        at_hand = "SELECT min(position) FROM ledger.event"
        not_closed = f"Journal {journal.id}: the books are closed up to position "
        assert await archive(world, database_url, tmp_path) == [
            f"{not_closed}0 only, not up to 1,024; close them first."
        ]
        assert not any(tmp_path.iterdir())  # noqa: ASYNC240
        assert await world.pool.fetchval(at_hand) == 1
        assert len(await archive(world, database_url, tmp_path, detached=False)) == 1  # a copy harms nobody
        await keeping.bookkeeper.run_due()
        [*_, said] = await archive(world, database_url, tmp_path)
        assert said == f"{not_closed}1,030 only, not up to 2,048; close them first."
        assert await world.pool.fetchval(at_hand) == 1_025


async def test_the_books_of_a_close_outlive_its_entries(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        await superuser.close()
        await world.investor(100)
        before = await keeping.books()
        for day in (27, 30):
            await world.jump(WEDNESDAY.replace(day=day))
            await world.investor(day)
            await entries(world, 1_030)
            await keeping.bookkeeper.run_due()
        await world.seal()
        async with world.pool.acquire() as connection:
            await prove(connection, world.commits.journal, world.clock)
        assert "agrees with the log" in (await archive(world, database_url, tmp_path))[0]
        [first, *_] = await keeping.closes()
        assert (first.position, first.hash) == (before.position, before.hash)
        assert await keeping.books(before.position) == before
        with pytest.raises(Refusal, match="is archived"):
            await keeping.books(before.position + 1)
        said: list[str] = []
        assert await verify_all(database_url, world.seals, None, said.append, str(tmp_path))
