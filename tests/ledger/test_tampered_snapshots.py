"""Snapshots that no audit wrote, or that were changed: what was is told from them."""

import pytest

from app.ledger.chart import USD, Kind, address
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
