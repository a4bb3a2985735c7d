"""The chart of accounts stands twice, in the code and in the database: both must say the same."""

import asyncpg
import pytest

from app.ledger.chart import MAY_BE_NEGATIVE, Kind, accounts_of, address, asset_of, book_of, kind_of


@pytest.mark.asyncio
async def test_the_database_has_the_same_chart(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT id, code, book_kind, may_be_negative FROM ledger.account_kind")
    await connection.close()
    assert {tuple(row) for row in rows} == {
        (kind.value, kind.name.lower(), kind.book_kind.value, kind in MAY_BE_NEGATIVE) for kind in Kind
    }


@pytest.mark.parametrize("book", [1, 2**38 - 1])
@pytest.mark.parametrize("asset", [1, 2**20 - 1])
@pytest.mark.parametrize("kind", Kind)
def test_an_address_says_whose_what_and_which(book: int, asset: int, kind: Kind) -> None:
    account = address(book, asset, kind)
    assert (book_of(account), asset_of(account), kind_of(account)) == (book, asset, kind)
    low, high = accounts_of(book)
    assert low <= account <= high < 2**63
