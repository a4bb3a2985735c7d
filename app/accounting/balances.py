"""Sums of balances, now and as of a position of the log: what all the firm's books are made of.

The sums of now are read from the accounts, those of a close from what it kept. Any other position lies between two of
these, or after the beginning: what was posted from the nearer one to there is added, or taken away again. Each transfer
says what both its accounts stood at, so that needs no look at any account. So the books of a day cost at most half of a
day's entries, however old the day is, and however many accounts there are.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounting.errors import LedgerRangeError
from app.accounting.trial_balance import TrialBalance, TrialBalanceRow
from app.kernel.errors import Refusal
from app.kernel.money import to_units
from app.ledger.chart import Kind, accounts_of, asset_of, kind_of

#: Runs a statement with its arguments: a connection's of the engine, or of the API.
Fetch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]


def fetching(connection: AsyncConnection) -> Fetch:
    """The API's connection, used as the engine's is."""

    async def fetch(statement: str, *arguments: Any) -> Sequence[Any]:
        return (await connection.exec_driver_sql(statement, arguments)).all()

    return fetch


async def trial_balance_at(fetch: Fetch, journal_id: int, position: int) -> TrialBalance:
    """The trial balance as of a position. Everything must be read in one snapshot, or under the journal's lock.

    Raises a ``Refusal`` for one that is archived, unless a close kept it: what was posted since is not all at hand.
    """
    found = await trial_balances_at(fetch, journal_id, [position])
    return found.get(position) or await refuse_archived(fetch, journal_id, position)


async def refuse_archived(fetch: Fetch, journal_id: int, position: int) -> NoReturn:
    """Raises the ``Refusal`` of books as of a position that is archived."""
    [[archived]] = await fetch("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    message = f"The log up to position {archived} is archived, so the books as of {position} can't be added up."
    raise Refusal(LedgerRangeError.ARCHIVED, f"{message} Take a later position, or the archive.", "at")


async def trial_balances_at(fetch: Fetch, journal_id: int, positions: Collection[int]) -> dict[int, TrialBalance]:
    """Trial balances by position: as kept, or added up; those that are archived are absent unless a close kept them.

    Read as ``trial_balance_at``.
    """
    [[archived, head]] = await fetch(_EXTENT, journal_id)
    found = await kept_books(fetch, journal_id, positions)
    for position in sorted(set(positions) - found.keys()):
        if position >= archived:
            found[position] = await _added_up(fetch, journal_id, position, archived, head)
    return found


async def kept_books(fetch: Fetch, journal_id: int, positions: Collection[int]) -> dict[int, TrialBalance]:
    """The trial balances that closes at these positions have kept, by position."""
    rows: dict[int, list[TrialBalanceRow]] = {}
    for position, *figures in await fetch(_KEPT, journal_id, sorted(set(positions))):
        rows.setdefault(position, []).append(_row(*figures))
    return {position: TrialBalance(journal_id, position, found) for position, found in rows.items()}


async def carried_on(fetch: Fetch, books: TrialBalance, to: int) -> TrialBalance:
    """The books of a later position: those of an earlier one, and what was posted since."""
    changes = await fetch(_CHANGES, books.journal_id, books.position, to)
    return TrialBalance(books.journal_id, to, _changed(books.rows, changes, 1))


async def _added_up(fetch: Fetch, journal_id: int, position: int, archived: int, head: int) -> TrialBalance:
    [[kept]] = await fetch(_KEPT_BEFORE, journal_id, archived, position)
    base = 0 if kept is None and not archived else kept
    if base is not None and position - base < head - position:
        found = await kept_books(fetch, journal_id, [base])
        return await carried_on(fetch, found.get(base, TrialBalance(journal_id, 0, [])), position)
    now = [_row(*figures) for figures in await fetch(_NOW, journal_id)]
    changes = await fetch(_CHANGES, journal_id, position, head)
    return TrialBalance(journal_id, position, _changed(now, changes, -1))


def _row(kind: int, asset: int, accounts: int, debit: Decimal, credit: Decimal) -> TrialBalanceRow:
    return TrialBalanceRow(Kind(kind), asset, accounts, to_units(debit), to_units(credit))


def _changed(rows: Sequence[TrialBalanceRow], changes: Sequence[Any], sign: int) -> list[TrialBalanceRow]:
    sums = {(row.kind, row.asset): (row.accounts, row.debit, row.credit) for row in rows}
    for kind, asset, *change in changes:
        stood = sums.get((Kind(kind), asset), (0, 0, 0))
        accounts, debit, credit = change[0], to_units(change[1]), to_units(change[2])
        sums[Kind(kind), asset] = (stood[0] + sign * accounts, stood[1] + sign * debit, stood[2] + sign * credit)
    return [TrialBalanceRow(*key, *figures) for key, figures in sorted(sums.items()) if any(figures)]


async def outside_at(
    fetch: Fetch, journal_id: int, outside: int, at: datetime, known: int | None = None
) -> dict[tuple[Kind, int], int]:
    """What banks and the custodian keep for us by our books, by kind and asset: all that took effect by then, whenever
    it was recorded, or as far as it was recorded up to position ``known``."""
    low, high = accounts_of(outside)
    kinds = [Kind.FBO.value, Kind.FIRM_BANK.value, Kind.CUSTODIAN.value]
    rows = await fetch(_OUTSIDE, journal_id, low, high, kinds, at, known)
    return {(kind_of(account), asset_of(account)): -to_units(balance) for account, balance in rows}


_EXTENT = "SELECT archived, position FROM ledger.journal_head WHERE journal_id = $1"

_KEPT = """
SELECT position, kind, asset_id, accounts, debit, credit FROM trial_balance_row
WHERE journal_id = $1 AND position = ANY ($2) ORDER BY position, kind, asset_id
"""
_KEPT_BEFORE = """
SELECT max(position) FROM trial_balance_row WHERE journal_id = $1 AND position BETWEEN $2 AND $3
"""
_NOW = """
SELECT kind, asset_id, count(*)::integer, sum(greatest(-balance, 0)), sum(greatest(balance, 0))
FROM ledger.account WHERE journal_id = $1 AND balance <> 0 GROUP BY kind, asset_id
"""

#: By kind and asset, as an account's id has them: how many accounts came off zero, and what the columns gained.
_CHANGES = """
SELECT account & 31, account >> 5 & 1048575, sum((stands <> 0)::integer - (stood <> 0)::integer)::integer,
       sum(greatest(-stands, 0) - greatest(-stood, 0)), sum(greatest(stands, 0) - greatest(stood, 0))
FROM (
  SELECT debit_account_id AS account, debit_balance + amount AS stood, debit_balance AS stands
  FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3
  UNION ALL
  SELECT credit_account_id, credit_balance - amount, credit_balance
  FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3) AS s
GROUP BY 1, 2
"""

_OUTSIDE = """
SELECT b.account_id, b.balance FROM ledger.journal_head h, ledger.effective_balances_at(
  h.journal_id, ARRAY(SELECT id FROM ledger.account WHERE id BETWEEN $2 AND $3 AND kind = ANY ($4)), $5,
  least(h.position, $6::bigint)
) AS b WHERE h.journal_id = $1 ORDER BY b.account_id
"""
