"""Snapshots that no audit wrote, or that were changed: what was is told from them."""

import pytest

from app.ledger.adding_up import Stretch
from app.ledger.chart import USD, Kind, address
from app.ledger.reading import read_stretch
from app.ledger.replay import replay
from tests.ledger.books import Books
from tests.ledger.tampering import audited, replayed, tamper

pytestmark = pytest.mark.asyncio


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


@pytest.mark.parametrize("who", ["auditor", "replay", "replay of the book"])
@pytest.mark.parametrize(
    ("position", "sequence", "balance"),
    [
        (5, 1000, "1000000"),
        (9, 2000, "1000000"),
        (50, 2000, "1000000"),
        (5, 1000, "NaN"),
        (0, 1000, "500"),
        (-5, 2, "0"),
    ],
)
async def test_a_snapshot_is_checked_whatever_it_looks_like(
    log: Books, database_url: str, who: str, position: int, sequence: int, balance: str
) -> None:
    """Also one that has the number of an audit's, or stands where there is no log."""
    account = address(log.customers[0], USD, Kind.SETTLED)
    await tamper(
        database_url,
        f"INSERT INTO ledger.snapshot VALUES ({log.journal.id}, {account}, {position}, {sequence}, '{balance}')",
    )
    if who == "replay of the book":
        assert (await replay(log.connection, log.journal.id, log.customers[0])).disagreement is not None
    else:
        assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("of_the_book", [False, True])
async def test_a_snapshot_that_is_said_to_be_of_another_journal_is_noticed_by_replay(
    log: Books, database_url: str, of_the_book: bool
) -> None:
    """It counts all the same: an account is of one journal only."""
    account = address(log.customers[0], USD, Kind.SETTLED)
    await tamper(database_url, f"INSERT INTO ledger.snapshot VALUES (999, {account}, 5, 3, 1000000)")
    book = log.customers[0] if of_the_book else None
    found = await replay(log.connection, log.journal.id, book)
    told = "position 5: the snapshot of settled of book 3, asset 1 is said to be another journal's"
    assert found.disagreement == told


async def test_a_replay_by_parts_knows_the_snapshots_of_all_of_them(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ledger.adding_up.SNAPSHOT_EVERY", 2)
    monkeypatch.setattr("app.replay.PART", 2)
    account = address(log.customers[0], USD, Kind.SETTLED)
    found = Stretch()
    for part in [await read_stretch(log.connection, log.journal.id, at, at + 3) for at in (0, 3, 6)]:
        found.go_on_with(part)
    assert [each.position for each in found.snapshots if each.account == account] == [4]
    assert len(found.snapshots) == 3 + 4
