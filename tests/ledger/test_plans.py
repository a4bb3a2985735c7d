"""Plans that were made when the ledger was empty are kept: they must be as good once there is much in it."""

import asyncpg
import pytest

from app.kernel.ids import new_id
from app.ledger.books import open_books
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.types import Leg, Posted
from tests.ledger.books import books

pytestmark = pytest.mark.asyncio

_ACCOUNTS = """
INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
SELECT address, $1, book, 1, 3, 1, 1, false FROM unnest($2::bigint[], $3::bigint[]) AS u(address, book)
"""
_READ = """
SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'ledger' AND relname IN ('account', 'book')
"""


@pytest.mark.parametrize("kind", [Kind.SETTLED, Kind.UNSETTLED], ids=["that are there", "that are new"])
async def test_posting_reads_no_more_than_the_accounts_it_names(database_url: str, kind: Kind) -> None:
    async with books(database_url) as found:
        bank = address(found.journal.outside, USD, Kind.FBO)
        for book in found.customers[:2]:  # the plans are made
            for _ in range(2):
                await found.post([Leg(bank, address(book, USD, kind), 1)])
        many = await open_books(found.connection, found.journal.id, BookKind.CUSTOMER, [new_id() for _ in range(2_000)])
        superuser = await asyncpg.connect(database_url)
        await superuser.execute(_ACCOUNTS, found.journal.id, [address(book, USD, Kind.SETTLED) for book in many], many)
        await found.connection.execute("SELECT pg_stat_force_next_flush()")
        before = await superuser.fetchval(_READ)
        [verdict] = await found.post([Leg(bank, address(book, USD, kind), 1) for book in many[::40]])
        assert isinstance(verdict, Posted)
        await found.connection.execute("SELECT pg_stat_force_next_flush()")
        assert await superuser.fetchval(_READ) - before < 10 * len(many[::40])
        await superuser.close()
