"""Attacks on time and partitions: what is dated back at the edge of an archive, what was before it, who meets whom."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import polars
import pytest
import pytest_asyncio

from app.accounting.balances import outside_at, trial_balance_at
from app.archive import archive_all, check_all
from app.infra.database import ENGINE_ROLE, api_engine, driver_of, one_moment, reading
from app.kernel.clock import ManualClock
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.archive.parts import Manifest
from app.ledger.archive.write import detach
from app.ledger.audit import prove, restart
from app.ledger.chart import USD, Kind, address
from app.ledger.post import post
from app.ledger.replay import replay
from app.ledger.types import Entry, Leg, Posted
from app.replay import replay_journal
from tests.ledger.archiving import take_out
from tests.ledger.books import NOON, Books, books
from tests.proof.publishing import new_seals

pytestmark = pytest.mark.asyncio

CLOCK = ManualClock(NOON)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest_asyncio.fixture
async def log(database_url: str) -> AsyncIterator[Books]:
    """Partitions of ten positions."""
    async with books(database_url) as found:
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 10")
        await superuser.close()
        yield found


async def deposit(log: Books, recorded: datetime, effective: datetime | None = None, amount: int = UNIT) -> int:
    """A deposit of the first customer's; answers its position."""
    return (await deposits(log.connection, log, [effective or recorded], recorded, amount))[0]


async def deposits(
    connection: Any, log: Books, effective: Sequence[datetime], recorded: datetime, amount: int = UNIT
) -> list[int]:
    book = log.customers[0]
    legs = [Leg(address(log.journal.outside, USD, Kind.FBO), address(book, USD, Kind.SETTLED), amount)]
    entries = [Entry(NewEvent(book, EventType.DEPOSIT, "test", at), legs) for at in effective]
    found = await post(connection, log.journal.id, recorded, recorded, entries)
    assert all(isinstance(each, Posted) for each in found)
    return [each.position for each in found if isinstance(each, Posted)]


async def was(log: Books, at: datetime) -> Decimal:
    """What the first customer had as of an effective time."""
    found: Decimal = await log.connection.fetchval(
        "SELECT balance FROM ledger.effective_balances_at($1, $2, $3, 1000000)",
        log.journal.id,
        [address(log.customers[0], USD, Kind.SETTLED)],
        at,
    )
    return found


async def archived(log: Books, url: str, folder: Path) -> None:
    while (found := await prove(log.connection, log.journal, CLOCK)).position < found.head:
        assert found.disagreement is None
    await take_out(url, log.journal.id, folder, NOON + timedelta(days=99))


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_what_is_dated_back_right_behind_an_archive_is_no_disagreement(
    log: Books, database_url: str, tmp_path: Path, who: str
) -> None:
    for number in range(10):
        await deposit(log, NOON + number * HOUR)
    await deposit(log, NOON + 10 * HOUR, NOON + HOUR)
    await archived(log, database_url, tmp_path)
    if who == "replay":
        assert (await replay(log.connection, log.journal.id)).disagreement is None
    else:
        await restart(log.connection, log.journal.id, NOON)
        assert (await prove(log.connection, log.journal, CLOCK)).disagreement is None


async def test_what_is_dated_back_where_a_part_begins_is_no_disagreement(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deposit(log, NOON + HOUR)
    await deposit(log, NOON + 2 * HOUR, NOON)
    monkeypatch.setattr("app.replay.PART", 1)
    assert (await replay_journal(database_url, log.journal.id, 1, lambda *_: None)).disagreement is None


async def test_a_balance_at_an_effective_time_that_is_archived_is_right_or_refused(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    at = NOON + 3 * HOUR
    assert await was(log, at) == 4
    await archived(log, database_url, tmp_path)
    try:
        found = await was(log, at)
    except asyncpg.PostgresError:
        return
    assert found == 4


async def test_a_position_at_a_time_that_is_archived_is_right_or_refused(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await archived(log, database_url, tmp_path)
    asked = "SELECT ledger.position_at($1, $2)"
    assert await log.connection.fetchval(asked, log.journal.id, NOON + 9 * HOUR) == 10
    with pytest.raises(asyncpg.RaiseError, match="is archived"):
        await log.connection.fetchval(asked, log.journal.id, NOON + 9 * HOUR - SECOND)


async def test_a_stream_that_skips_numbers_is_noticed_though_its_beginning_is_archived(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await archived(log, database_url, tmp_path)
    assert (await prove(log.connection, log.journal, CLOCK)).disagreement is None
    last = await deposit(log, NOON + 20 * HOUR)
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("ALTER TABLE ledger.event DISABLE TRIGGER ALL")
    await superuser.execute("UPDATE ledger.event SET sequence = sequence + 5 WHERE position = $1", last)
    await superuser.execute("UPDATE ledger.book SET sequence = sequence + 5 WHERE id = $1", log.customers[0])
    await superuser.close()
    found = await prove(log.connection, log.journal, CLOCK)
    assert found.disagreement == f"position {last}: it does not follow from the last event of its book"


async def test_what_was_taken_out_of_the_log_can_not_be_changed_either(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await prove(log.connection, log.journal, CLOCK)
    owner = await asyncpg.connect(database_url)
    await detach(owner, Manifest(log.journal.id, 0, 10, []), drop=False)
    for table in ("event", "transfer"):
        for change in ("UPDATE {} SET lateness = 1", "DELETE FROM {}", "TRUNCATE {}"):
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await owner.execute(change.format(f"ledger.{table}_{log.journal.id}_0"))
    await owner.close()


async def test_looking_for_snapshots_that_nobody_wrote_does_not_read_all_that_the_auditor_wrote(log: Books) -> None:
    """It is looked for every second, and there is one snapshot for each 1,000 entries ever."""
    await log.connection.execute(
        "SELECT ledger.record_audit($1, 0, 0, now(), NULL, array_agg(n), array_agg(n), array_agg(n * 1000),"
        " array_agg(n)) FROM generate_series(1, 5000) AS n",
        log.journal.id,
    )
    plan = await log.connection.fetch(
        "EXPLAIN ANALYZE SELECT min(position) FROM ledger.snapshot"
        " WHERE journal_id = $1 AND position > 0 AND sequence % 1000 <> 0",
        log.journal.id,
    )
    assert "snapshot_odd" in "".join(row[0] for row in plan), plan


async def test_a_balance_at_a_position_that_is_archived_is_right_or_refused(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await archived(log, database_url, tmp_path)
    account = address(log.customers[0], USD, Kind.SETTLED)
    try:
        rows = await log.connection.fetch(
            "SELECT balance FROM ledger.balances_at($1, $2, 4)", log.journal.id, [account]
        )
    except asyncpg.PostgresError:
        return
    assert [row["balance"] for row in rows] in ([], [4])


async def test_a_trial_balance_of_an_archived_position_is_right_or_refused(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    before = await trial_balance_at(log.connection.fetch, log.journal.id, 4)
    await archived(log, database_url, tmp_path)
    try:
        after = await trial_balance_at(log.connection.fetch, log.journal.id, 4)
    except Exception:  # noqa: BLE001 - a refusal of any kind will do
        return
    assert after.hash == before.hash


async def test_reconciling_with_a_file_of_an_archived_time_is_right_or_refused(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    asked = (log.connection.fetch, log.journal.id, log.journal.outside, NOON + 3 * HOUR)
    before = await outside_at(*asked)
    await archived(log, database_url, tmp_path)
    try:
        after = await outside_at(*asked)
    except Exception:  # noqa: BLE001 - a refusal of any kind will do
        return
    assert after == before


async def test_a_clock_that_is_infinite_is_refused(log: Books) -> None:
    with pytest.raises(asyncpg.RaiseError, match="are none"):
        await log.connection.execute(
            "SELECT ledger.post($1, 'infinity', 'infinity', $2, '{}', '{1}', '{DEPOSIT}', NULL, '{t}', NULL, NULL,"
            " NULL, NULL, '{}', '{}', '{}', '{}', NULL)",
            log.journal.id,
            [log.customers[0]],
        )


async def test_an_amount_that_is_null_is_refused(log: Books) -> None:
    bank, cash = address(log.journal.outside, USD, Kind.FBO), address(log.customers[0], USD, Kind.SETTLED)
    with pytest.raises(asyncpg.RaiseError, match="not a sum"):
        await log.connection.execute(
            "SELECT ledger.post($1, $2, $2, $3, $4, '{1}', '{DEPOSIT}', NULL, '{t}', NULL, NULL, NULL, NULL,"
            " '{1}', '{1}', '{2}', '{NULL}', NULL)",
            log.journal.id,
            NOON,
            [log.customers[0]],
            [bank, cash],
        )


async def test_what_is_named_twice_is_refused(log: Books) -> None:
    """Else an account would be moved twice from the same balance."""
    bank, cash = address(log.journal.outside, USD, Kind.FBO), address(log.customers[0], USD, Kind.SETTLED)
    for in_books, accounts in (([log.customers[0]] * 2, [bank, cash]), ([log.customers[0]], [bank, cash, cash])):
        with pytest.raises(asyncpg.RaiseError, match="once each"):
            await log.connection.execute(
                "SELECT ledger.post($1, $2, $2, $3, $4, '{1}', '{DEPOSIT}', NULL, '{t}', NULL, NULL, NULL, NULL,"
                " '{1}', '{1}', '{2}', '{5}', NULL)",
                log.journal.id,
                NOON,
                in_books,
                accounts,
            )


async def test_amounts_beyond_64_bits_leave_nothing_behind(log: Books) -> None:
    await deposit(log, NOON, amount=2**63 - 1)
    await deposit(log, NOON, amount=2**63 - 1)
    assert (await replay(log.connection, log.journal.id)).disagreement is None
    cash = address(log.customers[0], USD, Kind.SETTLED)
    other = address(log.customers[1], USD, Kind.SETTLED)
    entry = Entry(
        NewEvent(log.customers[0], EventType.WITHDRAWAL, "test", NOON),
        [Leg(cash, other, 2**63 - 1, up_to=True), Leg(cash, other, 2**63 - 1)],
    )
    found = await post(log.connection, log.journal.id, NOON, NOON, [entry])
    assert isinstance(found[0], Posted)
    assert (await replay(log.connection, log.journal.id)).disagreement is None


async def test_an_empty_journal_has_no_past(log: Books) -> None:
    assert await was(log, NOON) == 0
    for name in ("position_at", "effective_position_at"):
        assert await log.connection.fetchval(f"SELECT ledger.{name}($1, $2)", log.journal.id, NOON) == 0
    assert (await replay(log.connection, log.journal.id)).disagreement is None


async def test_balances_by_effective_time_are_those_of_a_plain_sum(log: Books) -> None:
    """Many of one time, a minute late to the microsecond, dated back, and at every edge between."""
    first = NOON
    told: list[datetime] = []
    steps = [0, 0, 60, 60, 0, 120, 60, 59, 180, 120, 119, 180, 180, 0, 240, 181, 240, 240, 179, 300]
    now = first
    for seconds in steps:
        at = first + seconds * SECOND
        now = max(now, at)
        await deposit(log, now, at)
        told.append(at)
    edges = {
        at + delta for at in told for delta in (timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1))
    }
    for edge in sorted(edges):
        assert await was(log, edge) == sum(1 for at in told if at <= edge), edge
    assert (await replay(log.connection, log.journal.id)).disagreement is None


async def test_a_partition_that_is_rolled_back_is_made_again(log: Books) -> None:
    for _ in range(2):
        transaction = log.connection.transaction()
        await transaction.start()
        await deposits(log.connection, log, [NOON] * 35, NOON)
        await transaction.rollback()
    assert await deposits(log.connection, log, [NOON] * 35, NOON) == list(range(1, 36))
    assert (await replay(log.connection, log.journal.id)).disagreement is None


async def test_two_journals_make_their_partitions_at_once(log: Books, database_url: str) -> None:
    async with books(database_url) as other:
        superuser = await asyncpg.connect(database_url)
        await superuser.execute("UPDATE ledger.journal SET partition_size = 3")
        await superuser.close()
        async with asyncio.timeout(20):
            await asyncio.gather(*(_many(each) for each in (log, other)))
        for each in (log, other):
            assert (await replay(each.connection, each.journal.id)).disagreement is None


async def _many(log: Books) -> None:
    for _ in range(12):
        await deposits(log.connection, log, [NOON] * 4, NOON)


async def test_a_reader_of_transfers_then_events_survives_a_detaching(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    """As ``effective_balances_at`` reads, and ``explain``: first what moved, then what it was."""
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await prove(log.connection, log.journal, CLOCK)
    reader = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    owner = await asyncpg.connect(database_url)
    try:
        async with reader.transaction():
            await reader.fetchval("SELECT count(*) FROM ledger.transfer WHERE journal_id = $1", log.journal.id)
            detaching = asyncio.create_task(detach(owner, Manifest(log.journal.id, 0, 10, []), drop=False))
            while not await log.connection.fetchval(
                "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
            ):
                await asyncio.sleep(0.01)
            try:
                await reader.fetchval("SELECT count(*) FROM ledger.event WHERE journal_id = $1", log.journal.id)
            finally:
                detaching.cancel()
                await asyncio.gather(detaching, return_exceptions=True)
    finally:
        await reader.close()
        await owner.close()


@pytest.mark.parametrize("who", ["api", "engine"])
async def test_a_partition_that_leaves_takes_no_balance_from_who_began_to_read_before(
    log: Books, database_url: str, who: str
) -> None:
    """What it began with is not in the log any more, and the snapshot of the balances is none that it can see."""
    for number in range(10):
        await deposit(log, NOON + number * HOUR)
    await log.post([], [], [], book=log.customers[1])
    await prove(log.connection, log.journal, CLOCK)
    account = address(log.customers[0], USD, Kind.SETTLED)
    api, owner = api_engine(database_url, 1), await asyncpg.connect(database_url)
    async with AsyncExitStack() as stack:
        if who == "api":
            reader = driver_of(await stack.enter_async_context(reading(api, log.journal.tenant_id)))
        else:
            reader = log.connection
            await stack.enter_async_context(one_moment(reader))
        head = await reader.fetchval("SELECT position FROM ledger.journal_head WHERE journal_id = $1", log.journal.id)
        detaching = asyncio.create_task(detach(owner, Manifest(log.journal.id, 0, 10, []), drop=False))
        await asyncio.wait([detaching], timeout=0.3)
        rows = await reader.fetch("SELECT * FROM ledger.balances_at($1, $2, $3)", log.journal.id, [account], head)
        assert [row["balance"] for row in rows] == [10]
    await detaching
    rows = await log.connection.fetch("SELECT * FROM ledger.balances_at($1, $2, $3)", log.journal.id, [account], head)
    assert [row["balance"] for row in rows] == [10]
    await owner.close()
    await api.dispose()


async def test_nobody_waits_for_a_detaching_that_waits_for_a_long_reader(log: Books, database_url: str) -> None:
    """Somebody reads for long (an export, a replay); all others, of every tenant, go on reading."""
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await prove(log.connection, log.journal, CLOCK)
    long_reader, owner = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        async with long_reader.transaction():
            await long_reader.fetchval("SELECT count(*) FROM ledger.event")
            detaching = asyncio.create_task(detach(owner, Manifest(log.journal.id, 0, 10, []), drop=False))
            waiting = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
            while not await log.connection.fetchval(waiting):
                await asyncio.sleep(0.01)
            try:
                async with log.connection.transaction():
                    await log.connection.execute("SET LOCAL lock_timeout = '300ms'")
                    await log.connection.fetchval("SELECT count(*) FROM ledger.event WHERE journal_id = -1")
            finally:
                detaching.cancel()
                await asyncio.gather(detaching, return_exceptions=True)
    finally:
        await long_reader.close()
        await owner.close()


async def test_an_archive_that_ends_before_the_log_begins_is_found_out(
    log: Books, database_url: str, tmp_path: Path
) -> None:
    for number in range(35):
        await deposit(log, NOON + number * HOUR)
    await archived(log, database_url, tmp_path)
    newest = sorted(tmp_path.rglob("*.json"))[-1]  # noqa: ASYNC240
    for path in (newest, *tmp_path.rglob("*000021-*.parquet")):  # noqa: ASYNC240
        if path.exists():
            path.unlink()
    said: list[str] = []
    agrees = await check_all(str(tmp_path), said.append)
    asked = (database_url, str(tmp_path), NOON, new_seals(), said.append)
    agrees = agrees and await archive_all(*asked, detached=False, drop=False)
    assert not agrees, said


@pytest.mark.parametrize("what", ["book_id", "sequence", "recorded_at", "lateness", "first"])
async def test_archived_events_that_do_not_follow_from_each_other_are_found_out(
    log: Books, database_url: str, tmp_path: Path, what: str
) -> None:
    """Written anew with hashes that fit, as whoever may write to the store can do."""
    for number in range(15):
        await deposit(log, NOON + number * HOUR)
    await archived(log, database_url, tmp_path)
    [manifest] = tmp_path.rglob("*.json")  # noqa: ASYNC240
    [events] = tmp_path.rglob("*.events.parquet")  # noqa: ASYNC240
    frame = polars.read_parquet(events)
    value = {
        "book_id": polars.lit(log.customers[1]),
        "sequence": polars.lit(7),
        "recorded_at": polars.lit(NOON).dt.offset_by("-9d"),
        "lateness": polars.lit(2),
        "first": polars.col("sequence") + 3,
    }[what]
    which = polars.lit(value=True) if what == "first" else polars.col("position") == 5
    what = "sequence" if what == "first" else what
    changed = polars.when(which).then(value).otherwise(polars.col(what)).alias(what)
    before = hashlib.sha256(events.read_bytes()).hexdigest()
    frame.with_columns(changed.cast(frame.schema[what])).write_parquet(events)
    after = hashlib.sha256(events.read_bytes()).hexdigest()
    assert before != after
    manifest.write_text(manifest.read_text().replace(before, after))
    assert not await check_all(str(tmp_path), lambda _: None)
