"""What a superuser with the triggers off may do to the books without the auditor or a replay noticing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg
import pytest
import pytest_asyncio

from app.kernel.clock import ManualClock
from app.kernel.errors import Overloaded
from app.kernel.money import UNIT
from app.ledger import audit
from app.ledger.adding_up import Stretch
from app.ledger.audit import Auditor, prove, restart
from app.ledger.chart import USD, Kind, address
from app.ledger.reader import Task
from app.ledger.reading import read_stretch
from app.ledger.replay import replay
from app.ledger.types import Journal, Leg
from app.replay import replay_journal
from tests.ledger.books import NOON, Books, books

pytestmark = pytest.mark.asyncio

CLOCK = ManualClock(NOON)
AAPL = 2


@pytest_asyncio.fixture
async def log(database_url: str) -> AsyncIterator[Books]:
    """Each of three customers has had three deposits, all of it proven."""
    async with books(database_url) as found:
        bank = address(found.journal.outside, USD, Kind.FBO)
        for _ in range(3):
            for book in found.customers:
                await found.post([Leg(bank, address(book, USD, Kind.SETTLED), UNIT)], book=book)
        assert (await prove(found.connection, found.journal, CLOCK)).disagreement is None
        yield found


async def tamper(url: str, *statements: str) -> None:
    """What a superuser does with every trigger off."""
    superuser = await asyncpg.connect(url)
    try:
        for table in ("event", "transfer", "snapshot"):
            await superuser.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER")
        for statement in statements:
            await superuser.execute(statement)
    finally:
        await superuser.close()


async def audited(log: Books, *, again: bool) -> str | None:
    """What the auditor says now, or when it begins again."""
    if again:
        await restart(log.connection, log.journal.id, NOON)
    return (await prove(log.connection, log.journal, CLOCK)).disagreement


async def replayed(log: Books) -> str | None:
    return (await replay(log.connection, log.journal.id)).disagreement


async def test_the_auditor_notices_an_event_that_was_moved_to_another_customers_story(
    log: Books, database_url: str
) -> None:
    ann, bob, _ = log.customers
    await tamper(
        database_url, f"UPDATE ledger.event SET book_id = {bob}, sequence = 4 WHERE book_id = {ann} AND sequence = 3"
    )
    assert await audited(log, again=True) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_events_of_a_story_that_change_places_are_noticed(log: Books, database_url: str, who: str) -> None:
    ann = log.customers[0]
    await tamper(
        database_url,
        f"UPDATE ledger.event SET sequence = 99 WHERE book_id = {ann} AND sequence = 1",
        f"UPDATE ledger.event SET sequence = 1 WHERE book_id = {ann} AND sequence = 2",
        f"UPDATE ledger.event SET sequence = 2 WHERE book_id = {ann} AND sequence = 99",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_events_of_a_story_that_change_places_are_noticed_though_never_looked_at_together(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log.customers[0]
    await tamper(
        database_url,
        f"UPDATE ledger.event SET sequence = 99 WHERE book_id = {ann} AND sequence = 3",
        f"UPDATE ledger.event SET sequence = 3 WHERE book_id = {ann} AND sequence = 2",
        f"UPDATE ledger.event SET sequence = 2 WHERE book_id = {ann} AND sequence = 99",
    )
    monkeypatch.setattr(audit, "PART", 3)
    assert await audited(log, again=True) is None
    assert await audited(log, again=False) == "position 4: it does not follow from the last event of its book"


async def test_the_auditor_notices_a_balance_that_was_changed_where_nothing_is_posted(
    log: Books, database_url: str
) -> None:
    account = address(log.customers[0], USD, Kind.SETTLED)
    await tamper(database_url, f"UPDATE ledger.account SET balance = balance + 1000000 WHERE id = {account}")
    assert await audited(log, again=False) is not None


async def test_the_auditor_that_begins_again_notices_a_changed_balance_of_who_is_idle(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        bank = address(log.journal.outside, USD, Kind.FBO)
        await log.post([Leg(bank, address(log.customers[2], USD, Kind.SETTLED), UNIT)], book=log.customers[2])
    account = address(log.customers[0], USD, Kind.SETTLED)
    await tamper(database_url, f"UPDATE ledger.account SET balance = balance + 1000000 WHERE id = {account}")
    monkeypatch.setattr(audit, "PART", 4)
    await restart(log.connection, log.journal.id, NOON)
    found = [await prove(log.connection, log.journal, CLOCK) for _ in range(4)]
    assert any(each.disagreement for each in found)


async def test_the_auditor_notices_an_account_that_was_made_up(log: Books, database_url: str) -> None:
    ann = log.customers[0]
    made_up = address(ann, USD, Kind.UNSETTLED)
    await tamper(
        database_url,
        "INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)"
        f" VALUES ({made_up}, {log.journal.id}, {ann}, {USD}, {Kind.UNSETTLED:d}, 5000, 0, false)",
    )
    assert await audited(log, again=True) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
@pytest.mark.parametrize("column", ["book_id", "asset_id", "kind"])
async def test_an_account_whose_row_names_another_owner_is_noticed(
    log: Books, database_url: str, who: str, column: str
) -> None:
    ann, bob, _ = log.customers
    value = {"book_id": bob, "asset_id": AAPL, "kind": int(Kind.UNSETTLED)}[column]
    account = address(ann, USD, Kind.SETTLED)
    await tamper(
        database_url,
        "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname FROM pg_constraint"
        " WHERE conrelid = 'ledger.account'::regclass AND contype IN ('c', 'u') LOOP"
        " EXECUTE format('ALTER TABLE ledger.account DROP CONSTRAINT %I', c.conname); END LOOP; END $$",
        f"UPDATE ledger.account SET {column} = {value} WHERE id = {account}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_made_up_snapshot_that_changes_what_was_is_noticed(log: Books, database_url: str, who: str) -> None:
    account = address(log.customers[0], USD, Kind.SETTLED)
    await tamper(
        database_url,
        f"INSERT INTO ledger.snapshot VALUES ({log.journal.id}, {account}, 5, 77, 1000000)",
    )
    [row] = await log.connection.fetch("SELECT balance FROM ledger.balances_at($1, $2, 6)", log.journal.id, [account])
    assert row["balance"] == 1_000_000, "the premise: this is what the API tells"
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_transfer_of_one_asset_that_becomes_another_is_noticed(log: Books, database_url: str, who: str) -> None:
    """Shares from nowhere: the last deposit of dollars arrives as shares."""
    last, shares = log.customers[2], address(log.customers[2], AAPL, Kind.POSITION)
    cash = address(last, USD, Kind.SETTLED)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET credit_account_id = {shares}, credit_sequence = 1, credit_balance = amount"
        " WHERE position = 9",
        f"UPDATE ledger.account SET balance = 2, sequence = 2 WHERE id = {cash}",
        "INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)"
        f" VALUES ({shares}, {log.journal.id}, {last}, {AAPL}, {Kind.POSITION:d}, 1, 1, false)",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_customers_account_that_goes_below_zero_is_noticed(log: Books, database_url: str, who: str) -> None:
    """The last deposit becomes a payment out of what is not there, in running balances that follow."""
    cash, bank = address(log.customers[2], USD, Kind.SETTLED), address(log.journal.outside, USD, Kind.FBO)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET debit_account_id = {cash}, debit_sequence = 3, debit_balance = -48,"
        f" credit_account_id = {bank}, credit_sequence = 9, credit_balance = 42, amount = 50 WHERE position = 9",
        f"UPDATE ledger.account SET balance = -48, may_be_negative = true WHERE id = {cash}",
        f"UPDATE ledger.account SET balance = 42 WHERE id = {bank}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_a_disagreement_is_not_wiped_out_by_a_slower_auditor(log: Books) -> None:
    """Both began at the same position; the one that read before the harm was done records last."""
    await restart(log.connection, log.journal.id, NOON)
    record = "SELECT ledger.record_audit($1, 0, $2, $3, $4, '{}', '{}', '{}', '{}')"
    assert await log.connection.fetchval(record, log.journal.id, 0, NOON, "position 2: wrong")
    await log.connection.fetchval(record, log.journal.id, 9, NOON, None)
    assert await log.connection.fetchval("SELECT disagreement FROM ledger.audit") == "position 2: wrong"


@pytest.mark.parametrize("column", ["recorded_at", "effective_at"])
@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_head_whose_clock_was_put_forward_is_noticed(
    log: Books, database_url: str, column: str, who: str
) -> None:
    await tamper(database_url, f"UPDATE ledger.journal_head SET {column} = '2999-01-01Z'")
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_log_that_is_said_to_be_archived_and_is_not_is_noticed(log: Books, database_url: str, who: str) -> None:
    await tamper(
        database_url,
        "UPDATE ledger.transfer SET amount = amount + 5 WHERE position = 2",
        "UPDATE ledger.journal_head SET archived = 6",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_entries_past_the_head_are_noticed_by_replay(log: Books, database_url: str) -> None:
    await tamper(
        database_url,
        "INSERT INTO ledger.event SELECT journal_id, version, lateness, 10, book_id, sequence + 1,"
        " recorded_at, effective_at, latest_effective_at, cause, correlation, type, actor, data"
        " FROM ledger.event WHERE position = 9",
    )
    assert await replayed(log) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger.transfer WHERE position = 4",
        "DELETE FROM ledger.event WHERE position = 4",
        "UPDATE ledger.journal_head SET position = 8",
        "UPDATE ledger.event SET recorded_at = recorded_at + interval '1 second' WHERE position = 4",
        "UPDATE ledger.event SET effective_at = effective_at - interval '1 second' WHERE position = 4",
        "UPDATE ledger.transfer SET debit_balance = debit_balance + 1 WHERE position = 4",
        "UPDATE ledger.transfer SET lateness = 2 WHERE position = 4",
        "UPDATE ledger.event SET lateness = 1 WHERE position = 4",
        "UPDATE ledger.event SET latest_effective_at = latest_effective_at + interval '1 second' WHERE position = 4",
        "UPDATE ledger.event SET recorded_at = '1969-01-01Z', effective_at = '1969-01-01Z',"
        " latest_effective_at = '1969-01-01Z' WHERE position = 1",
        "DELETE FROM ledger.event WHERE position = 1",
        "DELETE FROM ledger.event WHERE position = 9",
        "UPDATE ledger.event SET sequence = sequence + 7 WHERE position = 9",
        "ALTER TABLE ledger.event ALTER recorded_at DROP NOT NULL;"
        " UPDATE ledger.event SET recorded_at = NULL WHERE position = 4",
        "UPDATE ledger.account SET sequence = sequence + 1 WHERE kind = 3",
        "DELETE FROM ledger.account WHERE kind = 3",
    ],
)
@pytest.mark.parametrize("part", [1, 4, 100_000])
async def test_plain_tampering_is_noticed(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch, statement: str, part: int
) -> None:
    """However the log is cut into parts."""
    monkeypatch.setattr("app.ledger.reading._POSITIONS", part)
    monkeypatch.setattr("app.replay.PART", part)
    monkeypatch.setattr(audit, "PART", part)
    assert (await replay_journal(database_url, log.journal.id, 1, lambda *_: None)).disagreement is None
    await tamper(database_url, statement)
    assert await replayed(log) is not None
    assert (await replay_journal(database_url, log.journal.id, 1, lambda *_: None)).disagreement is not None
    await restart(log.connection, log.journal.id, NOON)
    found = [await prove(log.connection, log.journal, CLOCK) for _ in range(11)]
    assert any(each.disagreement for each in found)


async def test_an_event_without_transfers_that_is_missing_where_a_part_ends_is_named(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.post([], [])
    await tamper(database_url, "DELETE FROM ledger.event WHERE position = 10")
    monkeypatch.setattr("app.replay.PART", 10)
    found = await replay_journal(database_url, log.journal.id, 1, lambda *_: None)
    told = "position 10: it does not follow from the event before it, or was recorded or marked wrongly"
    assert found.disagreement == told


@pytest.mark.parametrize("at", [1, 4, 9])
async def test_a_stream_that_leaves_a_number_out_is_noticed_by_several_processes(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr("app.replay.PART", 2)
    found = await replay_journal(database_url, log.journal.id, 2, lambda *_: None)
    assert (found.entries, found.disagreement) == (18, None)
    await tamper(database_url, f"UPDATE ledger.event SET sequence = sequence + 7 WHERE position = {at}")
    found = await replay_journal(database_url, log.journal.id, 2, lambda *_: None)
    assert found.disagreement == f"position {at}: it does not follow from the last event of its book"


async def test_a_process_that_fails_is_heard_of(log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.replay.PART", 2)
    monkeypatch.setattr("app.replay.Task", lambda *given: replace(Task(*given), moment="00000000-00000000-1"))
    async with asyncio.timeout(20):
        with pytest.raises(RuntimeError, match="has failed"):
            await replay_journal(database_url, log.journal.id, 2, lambda *_: None)


LINE = "4\t1\t0\t{debit}\t1\t{balance}\t{credit}\t1\t{amount}\t{amount}\n"


# Asked of the pure part: over COPY, what it raises in the callback is never heard of, and the auditor hangs for good.
@pytest.mark.parametrize("wrong", [{"balance": "NaN"}, {"amount": "NaN"}], ids=str)
async def test_figures_that_are_none_are_a_disagreement(wrong: dict[str, object]) -> None:
    plain: dict[str, object] = {
        "debit": address(2, USD, Kind.FBO),
        "credit": address(3, USD, Kind.SETTLED),
        "balance": "-1.00000000",
        "amount": "1.00000000",
    }
    stretch = Stretch()
    stretch.read(LINE.format(**plain | wrong).encode())
    stretch.read(LINE.format(**plain | wrong).encode())
    assert stretch.disagreement is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("\t1\t", "\t\t", 1),
        lambda line: line.replace("-1.00000000", ""),
        lambda line: line[: line.rindex("\t")] + "\n",
        lambda line: line[:-12],
        lambda line: line[:-1],
        lambda line: line.replace("-1.00000000", "\\N"),
        lambda line: "\n",
    ],
    ids=["no leg", "no balance", "no amount", "cut off", "not ended", "null", "nothing"],
)
async def test_what_is_left_out_of_a_line_does_not_pass(change: Callable[[str], str]) -> None:
    line = LINE.format(
        debit=address(2, USD, Kind.FBO),
        credit=address(3, USD, Kind.SETTLED),
        balance="-1.00000000",
        amount="1.00000000",
    )
    stretch = Stretch()
    stretch.read(line.encode())
    assert stretch.disagreement is None
    stretch.read(change(line).encode())
    assert stretch.disagreement == "past position 4: there is a figure that is none"


@pytest.mark.parametrize("kind", [0, 24, 31])
@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_an_account_of_no_kind_is_a_disagreement(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch, who: str, kind: int
) -> None:
    """In the middle of COPY, too, where whatever raises would leave the auditor waiting for ever."""
    monkeypatch.setattr("app.ledger.reading._AT_A_TIME", 100)
    made_up = address(log.customers[0], USD, Kind.SETTLED) & ~31 | kind
    await tamper(database_url, f"UPDATE ledger.transfer SET credit_account_id = {made_up} WHERE position IN (4, 7)")
    async with asyncio.timeout(10):
        found = await audited(log, again=True) if who == "auditor" else await replayed(log)
    assert found is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_money_from_an_account_below_all_others_is_noticed(log: Books, database_url: str, who: str) -> None:
    """The newest deposit comes out of nowhere; what the bank stands at follows."""
    bank = address(log.journal.outside, USD, Kind.FBO)
    nowhere = -(2**62) + (bank & (1 << 25) - 1)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET debit_account_id = {nowhere}, debit_sequence = 1, debit_balance = -1"
        " WHERE position = 9",
        f"UPDATE ledger.account SET balance = balance + 1, sequence = sequence - 1 WHERE id = {bank}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_what_fails_while_the_log_is_read_is_heard_of(log: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ledger.reading._AT_A_TIME", 100)

    def fail(*_: object) -> None:
        raise BrokenPipeError

    async with asyncio.timeout(10):
        with monkeypatch.context() as failing:
            failing.setattr(Stretch, "read", fail)
            with pytest.raises(BrokenPipeError):
                await read_stretch(log.connection, log.journal.id, 0, 9)
        assert await replayed(log) is None, "the connection can be used on"


async def test_a_stretch_without_transfers_adds_up() -> None:
    stretch = Stretch()
    stretch.read(b"")
    assert (stretch.entries, stretch.disagreement) == (0, None)


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_row_without_a_figure_is_a_disagreement(log: Books, database_url: str, who: str) -> None:
    await tamper(database_url, "UPDATE ledger.account SET balance = 'NaN' WHERE kind = 3")
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_the_auditor_outlives_figures_that_are_none(log: Books, database_url: str) -> None:
    """Another tenant's journal is audited on, and somebody is told."""
    told: list[str] = []

    async def alarm(_: Journal, disagreement: str) -> None:
        told.append(disagreement)

    await tamper(database_url, "UPDATE ledger.account SET balance = 'NaN' WHERE kind = 3")
    await restart(log.connection, log.journal.id, NOON)
    async with books(database_url) as other, asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        bank = address(other.journal.outside, USD, Kind.FBO)
        await other.post([Leg(bank, address(other.customers[0], USD, Kind.SETTLED), UNIT)])
        await Auditor(pool, CLOCK, alarm).look()
        proven = await pool.fetchval("SELECT proven FROM ledger.audit WHERE journal_id = $1", other.journal.id)
    assert (len(told), proven) == (1, 1)


async def test_an_audit_that_was_deleted_is_an_alarm(log: Books, database_url: str) -> None:
    told: list[str] = []

    async def alarm(_: Journal, disagreement: str) -> None:
        told.append(disagreement)

    await tamper(database_url, "DELETE FROM ledger.audit")
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await Auditor(pool, CLOCK, alarm).look()
    assert told == ["what the auditor had found of the journal was deleted"]


async def test_a_journal_that_can_not_be_audited_holds_up_no_other(log: Books, database_url: str) -> None:
    async def alarm(_: Journal, __: str) -> None:
        raise AssertionError("nothing disagrees")

    async with books(database_url) as other, asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await tamper(database_url, f"DELETE FROM ledger.journal_head WHERE journal_id = {log.journal.id}")
        bank = address(other.journal.outside, USD, Kind.FBO)
        await other.post([Leg(bank, address(other.customers[0], USD, Kind.SETTLED), UNIT)])
        with pytest.raises(ExceptionGroup, match="could not be audited"):
            await Auditor(pool, CLOCK, alarm).look()
        assert await pool.fetchval("SELECT proven FROM ledger.audit WHERE journal_id = $1", other.journal.id) == 1


async def test_the_auditor_outlives_an_alarm_that_fails(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full queue is no reason never to look again."""
    monkeypatch.setattr(audit, "LOOK_AGAIN", 0)
    given = 0

    async def alarm(_: Journal, __: str) -> None:
        nonlocal given
        given += 1
        if given == 1:
            raise Overloaded("the queue is full")
        raise asyncio.CancelledError

    await tamper(database_url, "UPDATE ledger.transfer SET amount = amount + 1 WHERE position = 4")
    await restart(log.connection, log.journal.id, NOON)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        auditor = Auditor(pool, CLOCK, alarm)
        with pytest.raises(asyncio.CancelledError):
            await auditor.run()
    assert given == 2


async def test_two_auditors_at_once_record_once(log: Books, database_url: str) -> None:
    bank = address(log.journal.outside, USD, Kind.FBO)
    for _ in range(5):
        await log.post([Leg(bank, address(log.customers[0], USD, Kind.SETTLED), UNIT)])
    async with asyncpg.create_pool(database_url, min_size=4, max_size=4) as pool:

        async def one() -> None:
            async with pool.acquire() as connection:
                assert (await prove(connection, log.journal, CLOCK)).disagreement is None

        await asyncio.gather(*(one() for _ in range(4)))
    assert await log.connection.fetchval("SELECT proven FROM ledger.audit") == 14
