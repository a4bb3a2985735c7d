"""What a superuser with the triggers off may do to the books without the auditor or a replay noticing, however the log
is cut into parts."""

import pytest

from app.ledger import audit
from app.ledger.audit import prove, restart
from app.replay import replay_journal
from tests.ledger.books import NOON, Books
from tests.ledger.tampering import CLOCK, replayed, tamper

pytestmark = pytest.mark.asyncio


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
        "UPDATE ledger.journal_head SET position = 0; UPDATE ledger.book SET sequence = 0; DELETE FROM ledger.account",
        "INSERT INTO ledger.transfer SELECT journal_id, leg, lateness, 12, debit_account_id, debit_sequence + 1,"
        " credit_account_id, credit_sequence + 1, debit_balance - 1, credit_balance + 1, amount"
        " FROM ledger.transfer WHERE position = 9",
        "UPDATE ledger.event SET effective_at = 'infinity', latest_effective_at = 'infinity' WHERE position = 9;"
        " UPDATE ledger.journal_head SET effective_at = 'infinity'",
        "UPDATE ledger.event SET recorded_at = 'infinity' WHERE position = 9;"
        " UPDATE ledger.journal_head SET recorded_at = 'infinity'",
        "UPDATE ledger.event SET book_id = 999 WHERE book_id = (SELECT book_id FROM ledger.event WHERE position = 1)",
        "ALTER TABLE ledger.transfer ALTER debit_balance TYPE numeric, ALTER credit_balance TYPE numeric,"
        " ALTER amount TYPE numeric; UPDATE ledger.transfer SET credit_balance = 2000000.00 WHERE position = 4",
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
