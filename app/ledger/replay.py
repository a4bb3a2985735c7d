"""Re-derives balances from the log alone and says whether the books agree."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.infra.database import EngineConnection
from app.kernel.money import to_text, to_units
from app.ledger.chart import accounts_of, asset_of, book_of, kind_of

_LOG = """
SELECT position, leg, amount,
       debit_account_id, debit_sequence, debit_balance, credit_account_id, credit_sequence, credit_balance
FROM ledger.transfer WHERE journal_id = $1 {only} ORDER BY position, leg
"""
_ONLY_BOOK = "AND (debit_account_id BETWEEN $2 AND $3 OR credit_account_id BETWEEN $2 AND $3)"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found. ``disagreement`` names the first thing that is wrong, or is None."""

    transfers: int
    accounts: int
    disagreement: str | None


async def replay(connection: EngineConnection, journal_id: int, book: int | None = None) -> Replayed:
    """Read the journal's transfers (or one book's) in order, add them up, and compare every running balance,
    every sequence number and at last every account's row. Reads one snapshot; changes nothing."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        low, high = (0, 2**63 - 1) if book is None else accounts_of(book)
        balances: dict[int, tuple[int, int]] = {}
        count = 0
        async for row in _log(connection, journal_id, book, low, high):
            count += 1
            position, leg, amount = row[0], row[1], to_units(row[2])
            for account, sequence, balance, change in (
                (row[3], row[4], row[5], -amount),
                (row[6], row[7], row[8], amount),
            ):
                if not low <= account <= high:
                    continue
                last, total = balances.get(account, (0, 0))
                if (last + 1, total + change) != (sequence, to_units(balance)):
                    return Replayed(
                        count,
                        len(balances),
                        _wrong(account, position, leg, total + change, to_units(balance)),
                    )
                balances[account] = (sequence, total + change)
        return Replayed(count, len(balances), await _compare(connection, journal_id, low, high, balances))


async def _log(
    connection: EngineConnection, journal_id: int, book: int | None, low: int, high: int
) -> AsyncIterator[tuple]:  # type: ignore[type-arg]
    if book is None:
        cursor = connection.cursor(_LOG.format(only=""), journal_id, prefetch=5_000)
    else:
        cursor = connection.cursor(_LOG.format(only=_ONLY_BOOK), journal_id, low, high, prefetch=5_000)
    async for row in cursor:
        yield tuple(row)


async def _compare(
    connection: EngineConnection, journal_id: int, low: int, high: int, replayed: dict[int, tuple[int, int]]
) -> str | None:
    rows = await connection.fetch(
        "SELECT id, sequence, balance FROM ledger.account WHERE journal_id = $1 AND id BETWEEN $2 AND $3",
        journal_id,
        low,
        high,
    )
    for account, sequence, balance in rows:
        found = replayed.pop(account, (0, 0))
        if found != (sequence, to_units(balance)):
            return f"{describe(account)} stands at {to_text(to_units(balance))}, the log says {to_text(found[1])}"
    return f"{describe(next(iter(replayed)))} is in the log but has no row" if replayed else None


def _wrong(account: int, position: int, leg: int, expected: int, found: int) -> str:
    where = f"{describe(account)} at position {position}, leg {leg}"
    return f"{where}: the log's own sum is {to_text(expected)}, the entry says {to_text(found)}"


def describe(account: int) -> str:
    """A ledger account in words."""
    return f"{kind_of(account).name.lower()} of book {book_of(account)}, asset {asset_of(account)}"
