"""Old partitions: written as Parquet, checked from there, taken out of the log behind snapshots."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from app.archive import archive_all, check_all
from app.infra import embedded
from app.infra.database import api_engine, reading
from app.kernel.clock import ManualClock
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.audit import prove, restart
from app.ledger.chart import USD, Kind, address
from app.ledger.history import AsRecorded, cash_at, extent
from app.ledger.post import post
from app.ledger.replay import replay
from app.ledger.types import Entry, Leg
from app.proof.seal import seal
from app.replay import replay_journal
from tests.conftest import fresh_database
from tests.ledger.books import NOON, Books, books
from tests.proof.publishing import new_seals

pytestmark = pytest.mark.asyncio

LATER = NOON + timedelta(days=1)
SEALS = new_seals()


@pytest_asyncio.fixture
async def old(database_url: str) -> AsyncIterator[Books]:
    """Three partitions of 1,024 positions and a fourth that has begun, under a published checkpoint.

    The third customer was there in the first only.
    """
    async with books(database_url) as found:
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        bank = address(found.journal.outside, USD, Kind.FBO)
        first, second, third = (address(book, USD, Kind.SETTLED) for book in found.customers)
        await found.post([Leg(bank, third, 7 * UNIT)])
        for _ in range(33):
            await found.post(*([Leg(bank, first, UNIT), Leg(first, second, number % 3)] for number in range(100)))
        await superuser.close()
        assert await seal(found.connection, SEALS, found.journal, NOON) == 3_301
        await prove(found.connection, found.journal, ManualClock(NOON))
        yield found


async def settled(found: Books, url: str, customer: int, position: int) -> int:
    engine = api_engine(url, 1)
    try:
        async with reading(engine, found.journal.tenant_id) as connection:
            book = found.customers[customer]
            return (await cash_at(connection, found.journal.id, book, AsRecorded(position))).settled
    finally:
        await engine.dispose()


def files(folder: Path, pattern: str) -> list[Path]:
    """What is in an archive, in order."""
    return sorted(folder.rglob(pattern))


async def test_what_is_archived_leaves_the_log_and_every_balance_stays(
    old: Books, database_url: str, tmp_path: Path
) -> None:
    before = [await settled(old, database_url, customer, 3_301) for customer in range(3)]
    at_100 = [await settled(old, database_url, customer, 3_100) for customer in range(3)]
    said: list[str] = []
    assert await archive_all(database_url, str(tmp_path), LATER, SEALS, said.append, detached=True, drop=True)
    assert [line.split(":")[1].strip() for line in said if line.startswith("Journal")] == [
        "positions 1 to 1,024", "positions 1,025 to 2,048", "positions 2,049 to 3,072",
    ]  # fmt: skip
    assert await old.connection.fetchval("SELECT min(position) FROM ledger.event") == 3_073
    assert [await settled(old, database_url, customer, 3_301) for customer in range(3)] == before
    engine = api_engine(database_url, 1)
    async with reading(engine, old.journal.tenant_id) as connection:
        assert (await extent(connection, old.journal.id)).archived == 3_072
    await engine.dispose()
    assert at_100[2] == before[2] == 7 * UNIT
    for book in (None, *old.customers):
        assert (await replay(old.connection, old.journal.id, book)).disagreement is None
    await old.post([Leg(address(old.journal.outside, USD, Kind.FBO), address(old.customers[2], USD, Kind.SETTLED), 1)])
    assert (await prove(old.connection, old.journal, ManualClock(NOON))).disagreement is None
    assert await settled(old, database_url, 2, 3_302) == 7 * UNIT + 1
    assert await check_all(str(tmp_path), said.append)


async def test_only_what_is_old_and_proven_is_archived(old: Books, database_url: str, tmp_path: Path) -> None:
    said: list[str] = []
    assert await archive_all(database_url, str(tmp_path), NOON, SEALS, said.append, detached=True, drop=True)
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("UPDATE ledger.audit SET proven = 1_023")
    assert await archive_all(database_url, str(tmp_path), LATER, SEALS, said.append, detached=True, drop=True)
    with pytest.raises(asyncpg.RaiseError, match="not proven up to 1024: wait for the auditor"):
        await superuser.execute("SELECT ledger.detach_oldest_partition($1, 1024)", old.journal.id)
    await superuser.close()
    assert said == []
    assert await old.connection.fetchval("SELECT count(*) FROM ledger.event") == 3_301


async def test_an_archive_that_was_tampered_with_is_found_out_from_itself(
    old: Books, database_url: str, tmp_path: Path
) -> None:
    said: list[str] = []
    assert await archive_all(database_url, str(tmp_path), LATER, SEALS, said.append, detached=True, drop=False)
    [some, *_] = files(tmp_path, "*.transfers.parquet")
    content = bytearray(some.read_bytes())
    for broken, told in ((content[:-1] + b"x", "was changed"), (None, "is missing")):
        some.unlink()
        if broken is not None:
            some.write_bytes(broken)
        said.clear()
        assert not await check_all(str(tmp_path), said.append)
        assert told in said[0]
    some.write_bytes(bytes(content))
    assert await check_all(str(tmp_path), said.append)
    files(tmp_path, "*.json")[1].unlink()
    assert not await check_all(str(tmp_path), said.append)
    assert "position 1025 and what follows are missing" in said[-1]


async def test_what_comes_late_right_after_the_archive_is_no_disagreement(database_url: str) -> None:
    """How late an entry is follows from entries before it, which may be archived."""
    async with books(database_url) as found:
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        legs = [Leg(address(found.journal.outside, USD, Kind.FBO), address(found.customers[0], USD, Kind.SETTLED), 1)]
        await found.post(*([legs] * 1_024))
        for ago in (timedelta(seconds=5), timedelta(hours=1)):
            event = NewEvent(found.customers[0], EventType.DEPOSIT, "test", NOON - ago)
            await post(found.connection, found.journal.id, NOON, NOON, [Entry(event, legs)])
        clock = ManualClock(NOON)
        assert (await prove(found.connection, found.journal, clock)).disagreement is None
        await superuser.execute("SELECT ledger.detach_oldest_partition($1, 1024)", found.journal.id)
        await superuser.close()
        assert await found.connection.fetchval("SELECT min(position) FROM ledger.event") == 1_025
        assert (await replay(found.connection, found.journal.id)).disagreement is None
        assert (await replay_journal(database_url, found.journal.id, 1, lambda *_: None)).disagreement is None
        await restart(found.connection, found.journal.id, NOON)
        proven = await prove(found.connection, found.journal, clock)
        assert (proven.position, proven.disagreement) == (1_026, None)


async def test_a_partition_is_taken_out_once_by_two_who_would(old: Books, database_url: str) -> None:
    first, second, looking = [await asyncpg.connect(database_url) for _ in range(3)]
    ends = await looking.fetchval("SELECT ledger.oldest_partition_ends($1)", old.journal.id)
    detach = "SELECT ledger.detach_oldest_partition($1, $2)"
    transaction = first.transaction()
    await transaction.start()
    await first.execute(detach, old.journal.id, ends)
    late = asyncio.create_task(second.execute(detach, old.journal.id, ends))
    waits = "SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%detach_oldest%'"
    while not await looking.fetchval(waits):
        await asyncio.sleep(0.01)
    await transaction.commit()
    with pytest.raises(asyncpg.RaiseError, match=f"ends at {2 * ends}, not at {ends}"):
        await late
    for connection in (first, second, looking):
        await connection.close()
    assert await old.connection.fetchval("SELECT min(position) FROM ledger.event") == ends + 1


async def test_a_replay_from_an_archive_snapshot_notices_a_wrong_one(
    old: Books, database_url: str, tmp_path: Path
) -> None:
    assert await archive_all(database_url, str(tmp_path), LATER, SEALS, lambda _: None, detached=True, drop=True)
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("ALTER TABLE ledger.snapshot DISABLE TRIGGER append_only")
    await superuser.execute("UPDATE ledger.snapshot SET balance = balance + 1 WHERE position = 3072")
    await superuser.close()
    assert (await replay(old.connection, old.journal.id)).disagreement is not None


async def test_where_nothing_is_archived_nothing_is_said_to_be_complete(tmp_path: Path) -> None:
    said: list[str] = []
    assert not await check_all(str(tmp_path / "a slip of the pen"), said.append)
    assert said == [f"There is no archive in {tmp_path / 'a slip of the pen'}."]


@pytest.fixture
def other_url(postgres: embedded.Server, template: str) -> Iterator[str]:
    """A second database."""
    with fresh_database(postgres, template) as url:
        yield url


@pytest.mark.parametrize("size", [1024, 2048])
async def test_the_archive_of_another_database_is_not_written_over(
    old: Books, database_url: str, other_url: str, tmp_path: Path, size: int
) -> None:
    """Two that are told the same place by mistake: what the one has dropped is nowhere else."""
    said: list[str] = []
    assert await archive_all(database_url, str(tmp_path), LATER, SEALS, said.append, detached=True, drop=True)
    before = {path: path.read_bytes() for path in files(tmp_path, "*.*")}
    async with books(other_url) as found:
        superuser = await asyncpg.connect(other_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = $1", size)
        await superuser.close()
        bank = address(found.journal.outside, USD, Kind.FBO)
        for _ in range(25):
            await found.post(*[[Leg(bank, address(found.customers[0], USD, Kind.SETTLED), UNIT)]] * 100)
        await seal(found.connection, SEALS, found.journal, NOON)
        await prove(found.connection, found.journal, ManualClock(NOON))
        assert not await archive_all(other_url, str(tmp_path), LATER, SEALS, said.append, detached=True, drop=True)
        assert await found.connection.fetchval("SELECT min(position) FROM ledger.event") == 1
    assert {path: path.read_bytes() for path in files(tmp_path, "*.*")} == before
    assert await check_all(str(tmp_path), said.append)
