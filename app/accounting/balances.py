"""Sums of balances, now and as of a position of the log: what all the firm's books are made of.

The sums of now are read from the accounts; to go back, what was posted since is taken away again. So a close of
yesterday costs a day's entries, however long the log is.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

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

    Raises a ``Refusal`` for one that is archived: what was posted since is not all at hand then.
    """
    [[archived]] = await fetch("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    if position < archived:
        message = f"The log up to position {archived} is archived, so the books as of {position} can't be added up."
        raise Refusal(LedgerRangeError.ARCHIVED, f"{message} Take a later position, or the archive.", "at")
    rows = await fetch(_SUMS, journal_id, position)
    return TrialBalance(
        journal_id,
        position,
        [
            TrialBalanceRow(Kind(kind), asset, accounts, to_units(debit), to_units(credit))
            for kind, asset, accounts, debit, credit in rows
        ],
    )


async def outside_at(fetch: Fetch, journal_id: int, outside: int, at: datetime) -> dict[tuple[Kind, int], int]:
    """What banks and the custodian keep for us by our books, by kind and asset: all that took effect by then, whenever
    it was recorded."""
    low, high = accounts_of(outside)
    kinds = [Kind.FBO.value, Kind.FIRM_BANK.value, Kind.CUSTODIAN.value]
    rows = await fetch(_OUTSIDE, journal_id, low, high, kinds, at)
    return {(kind_of(account), asset_of(account)): -to_units(balance) for account, balance in rows}


_SUMS = """
WITH since AS MATERIALIZED (
  SELECT account, sum(change) AS change FROM (
    SELECT debit_account_id AS account, -amount AS change FROM ledger.transfer WHERE journal_id = $1 AND position > $2
    UNION ALL
    SELECT credit_account_id, amount FROM ledger.transfer WHERE journal_id = $1 AND position > $2) AS c
  GROUP BY account)
SELECT kind, asset_id, count(*)::integer AS accounts, sum(greatest(-was, 0)) AS debit, sum(greatest(was, 0)) AS credit
FROM (SELECT a.kind, a.asset_id, a.balance - coalesce(s.change, 0) AS was
      FROM ledger.account a LEFT JOIN since s ON s.account = a.id WHERE a.journal_id = $1) AS b
WHERE was <> 0 GROUP BY kind, asset_id ORDER BY kind, asset_id
"""

_OUTSIDE = """
SELECT b.account_id, b.balance FROM ledger.journal_head h, ledger.effective_balances_at(
  h.journal_id, ARRAY(SELECT id FROM ledger.account WHERE id BETWEEN $2 AND $3 AND kind = ANY ($4)), $5, h.position
) AS b WHERE h.journal_id = $1 ORDER BY b.account_id
"""
