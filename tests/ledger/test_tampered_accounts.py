"""Rows of accounts and books, changed by a superuser: they must be what the log says."""

import pytest

from app.kernel.money import UNIT
from app.ledger import audit
from app.ledger.audit import prove, restart
from app.ledger.chart import USD, Kind, address
from app.ledger.types import Leg
from tests.ledger.books import NOON, Books, books
from tests.ledger.tampering import AAPL, CLOCK, audited, replayed, tamper

pytestmark = pytest.mark.asyncio


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
async def test_a_row_without_a_figure_is_a_disagreement(log: Books, database_url: str, who: str) -> None:
    await tamper(database_url, "UPDATE ledger.account SET balance = 'NaN' WHERE kind = 3")
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
@pytest.mark.parametrize("what", ["of no book", "of no asset", "of no kind", "of another kind of book"])
async def test_an_account_that_can_not_be_is_noticed(log: Books, database_url: str, who: str, what: str) -> None:
    ann = log.customers[0]
    book, asset, kind = {
        "of no book": (999_999, USD, Kind.SETTLED),
        "of no asset": (ann, 777, Kind.POSITION),
        "of no kind": (ann, USD, 24),
        "of another kind of book": (ann, USD, Kind.FEES),
    }[what]
    made_up = book << 25 | asset << 5 | kind
    await tamper(
        database_url,
        "INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)"
        f" VALUES ({made_up}, {log.journal.id}, {book}, {asset}, {kind:d}, 0, 0, false)",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_kind_that_may_be_negative_against_the_chart_is_noticed(
    log: Books, database_url: str, who: str
) -> None:
    await tamper(
        database_url,
        "UPDATE ledger.account_kind SET may_be_negative = true WHERE id = 3",
        "UPDATE ledger.account SET may_be_negative = true WHERE kind = 3",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_book_that_is_given_to_another_journal_is_noticed(log: Books, database_url: str, who: str) -> None:
    async with books(database_url) as other:
        await tamper(
            database_url, f"UPDATE ledger.book SET journal_id = {other.journal.id} WHERE id = {log.customers[2]}"
        )
        assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None
