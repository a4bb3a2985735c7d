"""Entries that have left the log are still those that were signed: from the archive, or by what was sealed of them."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import orjson
import polars
import pytest
import pytest_asyncio

from app.archive import archive_all, check_all
from app.kernel.clock import ManualClock
from app.ledger.archive.parts import open_store
from app.ledger.audit import prove
from app.proof.leaf import Times
from app.proof.log import rows_between, texts
from app.proof.nodes import BLOCK, BLOCK_LEVEL
from app.proof.tree import hash_leaf, levels
from app.proof.verify import Verified, verify
from app.proofs import export_history, public_keys, verify_all
from resolvers.ids import encode_id
from tests.ledger.archiving import take_out
from tests.proof.sealed import Sealed, check, engine, fill_up, positions_of, written
from tests.world import running

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def archive(sealed: Sealed, sealed_url: str, tmp_path: Path) -> AsyncIterator[Path]:
    """Where the first block of the sealed journal is, which is not in the log any more."""
    await proven(sealed, sealed_url)
    await cut(sealed_url, sealed)
    folder = tmp_path / "archive"
    assert await detached(sealed, sealed_url, folder, print)
    yield folder


async def proven(sealed: Sealed, url: str) -> None:
    """The auditor has come to the end of the journal."""
    async with engine(url) as connection:
        while (
            found := await prove(connection, sealed.journal, ManualClock(datetime(2027, 1, 1, tzinfo=UTC)))
        ).position < found.head:
            assert found.disagreement is None


async def detached(sealed: Sealed, url: str, folder: Path, say: Callable[[str], None]) -> bool:
    """Archive all that can be, and drop it."""
    later = datetime(2028, 1, 1, tzinfo=UTC)
    return await archive_all(url, str(folder), later, sealed.seals, say, detached=True, drop=True)


async def cut(url: str, sealed: Sealed) -> None:
    """Make two partitions of the journal's first one: of the first block, and of the rest."""
    superuser = await asyncpg.connect(url)
    journal = sealed.journal.id
    for table in ("event", "transfer"):
        await superuser.execute(
            f"ALTER TABLE ledger.{table} DETACH PARTITION ledger.{table}_{journal}_0;"
            f"ALTER TABLE ledger.{table}_{journal}_0 RENAME TO old_{table};"
            f"UPDATE ledger.journal_head SET room = 0 WHERE journal_id = {journal};"
        )
    await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
    await superuser.execute(f"SELECT ledger.add_partition({journal}), ledger.add_partition({journal})")
    await superuser.execute("UPDATE ledger.journal SET partition_size = 8388608")
    await superuser.execute(f"SELECT ledger.add_partition({journal})")
    for table in ("event", "transfer"):
        await superuser.execute(f"INSERT INTO ledger.{table} SELECT * FROM ledger.old_{table}")
        await superuser.execute(f"DROP TABLE ledger.old_{table}")
    await superuser.close()


async def verified(url: str, sealed: Sealed, archive: Path | None) -> Verified:
    async with engine(url) as connection:
        store = None if archive is None else open_store(str(archive))
        return await verify(connection, sealed.seals, sealed.journal, archive=store)


@pytest.mark.parametrize("hidden", [False, True])
async def test_what_was_not_signed_does_not_leave_the_log(
    sealed: Sealed, sealed_url: str, tmp_path: Path, hidden: bool
) -> None:
    """An entry that was changed adds up as before; its block may have been changed with it."""
    await proven(sealed, sealed_url)
    await cut(sealed_url, sealed)
    superuser = await asyncpg.connect(sealed_url)
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("ALTER TABLE ledger.event DISABLE TRIGGER append_only")
    await superuser.execute("UPDATE ledger.event SET actor = 'nobody' WHERE position = 7")
    if hidden:
        await superuser.execute("ALTER TABLE ledger.block DISABLE TRIGGER append_only")
        rows = await rows_between(superuser, sealed.journal.id, 1, BLOCK)
        leaves = [hash_leaf(text) for text in texts(sealed.journal.id, rows, 1, Times())]
        changed = "UPDATE ledger.block SET leaves = $1, root = $2 WHERE number = 0"
        await superuser.execute(changed, b"".join(leaves), levels(leaves)[BLOCK_LEVEL][0])
    said: list[str] = []
    assert not await detached(sealed, sealed_url, tmp_path / "archive", said.append)
    assert ("have another root than the checkpoint" if hidden else "position 7 is not the entry") in said[0], said
    assert await superuser.fetchval("SELECT min(position) FROM ledger.event") == 1
    await superuser.close()


async def test_what_was_archived_is_what_was_signed(sealed: Sealed, sealed_url: str, archive: Path) -> None:
    async with engine(sealed_url) as connection:
        assert await connection.fetchval("SELECT min(position) FROM ledger.event") > 1_024
    for place in (archive, None):
        found = await verified(sealed_url, sealed, place)
        assert found.faults == []
        assert found.entries >= sealed.sizes[-1]
        assert found.checkpoints == len(sealed.sizes)
        assert found.unread == (0 if place else 2_048)


async def test_a_history_that_is_archived_in_part_is_whole_or_refused(
    sealed: Sealed, sealed_url: str, archive: Path, tmp_path: Path
) -> None:
    account, lines = encode_id("Account", sealed.ann.id), list[str]()
    with pytest.raises(LookupError, match="its first entries are archived"):
        await export_history(sealed_url, account, lines.append)
    assert lines == []
    await export_history(sealed_url, account, lines.append, str(archive))
    code, said = await asyncio.to_thread(sealed.check, "history", written(tmp_path / "history.jsonl", lines))
    entries = [at for at in await positions_of(sealed_url, sealed) if at <= sealed.sizes[-1]]
    assert 0 < len(entries) < len(lines) - 2
    assert (code, f"TRUE: all {len(lines) - 2} entries of account {sealed.ann.id}" in said) == (0, True), said


async def test_a_history_of_which_all_is_archived_is_whole(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        await superuser.close()
        bob = await world.investor(100)
        await fill_up(world, 1_100)
        await world.seal()
        async with world.pool.acquire() as connection:
            await prove(connection, world.commits.journal, world.clock)
        await take_out(database_url, world.commits.journal.id, tmp_path, datetime(2028, 1, 1, tzinfo=UTC))
        ann = await world.investor(5)  # after the checkpoint: nothing of it is proved yet
        keys = await public_keys(database_url, world.seals)
        for account, entries in ((bob, 2), (ann, 0)):
            lines: list[str] = []
            await export_history(database_url, encode_id("Account", account.id), lines.append, str(tmp_path))
            assert len(lines) == entries + 2
            assert orjson.loads(lines[0])["entries"] == entries
            if entries:
                file = written(tmp_path / "history.jsonl", lines)
                code, said = await asyncio.to_thread(check, "history", file, keys)
                assert (code, "TRUE: all 2 entries" in said, "USD settled: 100" in said) == (0, True, True), said


async def test_what_was_not_read_is_not_said_to_be_true(sealed: Sealed, sealed_url: str, archive: Path) -> None:
    said: list[str] = []
    assert await verify_all(sealed_url, sealed.seals, None, said.append)
    assert said[1:] == [
        "  The first 2,048 entries are archived and were not read: name the --archive.",
        "  From position 2,049 on, the log is the one that was signed.",
    ]
    said.clear()
    assert await verify_all(sealed_url, sealed.seals, None, said.append, str(archive))
    assert said[1:] == ["  The log is the one that was signed."]


async def test_an_archive_that_was_rewritten_with_its_hashes_is_found_out(
    sealed: Sealed, sealed_url: str, archive: Path
) -> None:
    rewrite(archive)
    assert await check_all(str(archive), print), "by itself it is in order"
    [fault, *_] = (await verified(sealed_url, sealed, archive)).faults
    assert "position 7 in block 0" in fault or "are not what was published" in fault
    assert (await verified(sealed_url, sealed, None)).faults == []


def rewrite(archive: Path) -> None:
    """Another actor of an entry, and hashes to match."""
    [manifest, *_] = sorted(archive.rglob("*.json"))
    told = json.loads(manifest.read_text())
    file = archive / told["parts"][0]["events"]["path"]
    events = polars.read_parquet(file)
    actor = polars.when(polars.col("position") == 7).then(polars.lit("nobody")).otherwise(polars.col("actor"))
    events.with_columns(actor.alias("actor")).write_parquet(file)
    told["parts"][0]["events"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told))


@pytest.mark.parametrize("how", ["changed", "made up", "forgotten"])
async def test_the_balances_that_the_log_begins_with_are_those_of_the_archive(
    sealed: Sealed, sealed_url: str, archive: Path, how: str
) -> None:
    """Of who has moved nothing since, the books say no more than the snapshot does; so both can be changed together."""
    superuser = await asyncpg.connect(sealed_url)
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("ALTER TABLE ledger.snapshot DISABLE TRIGGER ALL")
    await superuser.execute(BALANCES[how])
    await superuser.close()
    said: list[str] = []
    assert not await verify_all(sealed_url, sealed.seals, None, said.append, str(archive))
    assert "at position 2,048" in said[1], said


#: Of an account that stands as it stood where the log begins.
IDLE = (
    "WITH idle AS (SELECT min(s.account_id) AS id FROM ledger.snapshot s JOIN ledger.account a ON a.id = s.account_id"
    " WHERE s.position = 2048 AND a.sequence = s.sequence)"
)
BALANCES = {
    "changed": f"{IDLE}, books AS (UPDATE ledger.account SET balance = balance + 1 WHERE id = (SELECT id FROM idle))"
    " UPDATE ledger.snapshot SET balance = balance + 1 WHERE account_id = (SELECT id FROM idle)",
    "made up": f"{IDLE} INSERT INTO ledger.snapshot SELECT journal_id, account_id - 32 * 1000000, position, 7, 1000"
    " FROM ledger.snapshot WHERE account_id = (SELECT id FROM idle) AND position = 2048",
    "forgotten": f"{IDLE} DELETE FROM ledger.snapshot WHERE account_id = (SELECT id FROM idle)",
}


async def test_hashes_that_were_changed_in_the_database_are_found_out(
    sealed: Sealed, sealed_url: str, archive: Path
) -> None:
    superuser = await asyncpg.connect(sealed_url)
    await superuser.execute(
        "ALTER TABLE ledger.block DISABLE TRIGGER append_only;"
        "UPDATE ledger.block SET leaves = overlay(leaves PLACING sha256('x') FROM 33) WHERE number = 0"
    )
    await superuser.close()
    for place in (archive, None):
        assert (await verified(sealed_url, sealed, place)).faults
