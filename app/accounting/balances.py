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
    """What banks and the custodian keep for us by our books, counting what took effect by then, by kind and asset.

    Whenever it was recorded. Nothing up to the last close before then can have taken effect later, so only what came
    after that close is looked at.
    """
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
WITH past AS (
  SELECT coalesce(max(position), 0) AS position FROM daily_close WHERE journal_id = $1 AND ends_at <= $5),
later AS MATERIALIZED (
  SELECT e.position FROM ledger.event e, past
  WHERE e.journal_id = $1 AND e.position > past.position AND e.effective_at > $5),
since AS MATERIALIZED (
  SELECT t.debit_account_id AS account, -t.amount AS change
  FROM ledger.transfer t JOIN later ON later.position = t.position
  WHERE t.journal_id = $1 AND t.debit_account_id BETWEEN $2 AND $3
  UNION ALL
  SELECT t.credit_account_id, t.amount FROM ledger.transfer t JOIN later ON later.position = t.position
  WHERE t.journal_id = $1 AND t.credit_account_id BETWEEN $2 AND $3)
SELECT a.id, a.balance - coalesce((SELECT sum(change) FROM since WHERE since.account = a.id), 0)
FROM ledger.account a WHERE a.id BETWEEN $2 AND $3 AND a.kind = ANY ($4) ORDER BY a.id
"""
