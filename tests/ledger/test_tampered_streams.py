"""Events, their streams and the journal's head, changed by a superuser with the triggers off."""

import pytest

from app.ledger import audit
from app.replay import replay_journal
from tests.ledger.books import Books
from tests.ledger.tampering import audited, replayed, tamper

pytestmark = pytest.mark.asyncio


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


async def test_a_stream_that_begins_anew_where_the_auditor_had_been_is_noticed(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log.customers[0]
    await tamper(
        database_url,
        "DROP INDEX ledger.event_1_0_book_id_sequence_idx",
        f"UPDATE ledger.event SET sequence = 1 WHERE book_id = {ann} AND position = 7",
        f"UPDATE ledger.book SET sequence = 2 WHERE id = {ann}",
    )
    monkeypatch.setattr(audit, "PART", 6)
    assert await audited(log, again=True) is None
    assert await audited(log, again=False) == "position 7: it does not follow from the last event of its book"


async def test_a_book_without_accounts_that_counts_other_events_than_it_has_is_noticed_by_replay(
    log: Books, database_url: str
) -> None:
    house = log.journal.house
    await tamper(database_url, f"UPDATE ledger.book SET sequence = 7 WHERE id = {house}")
    assert await replayed(log) == f"book {house} counts 7 events, its last one is 0"


async def test_what_is_said_to_be_proven_past_the_end_of_the_log_is_an_alarm(log: Books, database_url: str) -> None:
    await tamper(database_url, "UPDATE ledger.audit SET proven = 10")
    assert await audited(log, again=False) == "position 10 is said to be proven, and the log ends at 9"


async def test_a_log_of_which_all_is_archived_has_the_head_of_its_last_event(log: Books, database_url: str) -> None:
    """A batch that was refused as a whole may have made room for what comes after it."""
    await tamper(
        database_url,
        "UPDATE ledger.journal SET partition_size = 9",
        "UPDATE ledger.journal_head SET room = 9",
        "ALTER TABLE ledger.event DETACH PARTITION ledger.event_1_0",
        "ALTER TABLE ledger.transfer DETACH PARTITION ledger.transfer_1_0",
        "SELECT ledger.add_partition(1)",
        "INSERT INTO ledger.snapshot SELECT journal_id, id, 9, sequence, balance FROM ledger.account",
        "UPDATE ledger.journal_head SET archived = 9, archived_recorded_at = recorded_at,"
        " archived_effective_at = effective_at",
    )
    assert await replayed(log) is None
    assert await audited(log, again=True) is None
    await tamper(database_url, "UPDATE ledger.journal_head SET recorded_at = recorded_at + interval '1 second'")
    assert await replayed(log) is not None
