"""Sums of balances, now and as of a position of the log: what all the firm's books are made of.

The sums of now are read from the accounts; to go back, what was posted since is taken away again. So a close of
yesterday costs a day's entries, however long the log is. Where more was posted since than there are accounts to look
up, each account's balance of then is looked up instead: an old close costs no more than that.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounting.errors import LedgerRangeError
from app.accounting.trial_balance import TrialBalance, TrialBalanceRow
from app.kernel.errors import Refusal
from app.kernel.money import to_units
from app.ledger.chart import Kind, accounts_of, asset_of, kind_of

#: Runs a statement with its arguments: a connection's of the engine, or of the API.
Fetch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]

#: Taking so many entries away again takes as long as looking up one account's balance of then.
_WORTH: Final = 32


def fetching(connection: AsyncConnection) -> Fetch:
    """The API's connection, used as the engine's is."""

    async def fetch(statement: str, *arguments: Any) -> Sequence[Any]:
        return (await connection.exec_driver_sql(statement, arguments)).all()

    return fetch


async def trial_balance_at(fetch: Fetch, journal_id: int, position: int) -> TrialBalance:
    """The trial balance as of a position. Everything must be read in one snapshot, or under the journal's lock.

    Raises a ``Refusal`` for one that is archived: what was posted since is not all at hand then.
    """
    found = await trial_balances_at(fetch, journal_id, [position])
    return found.get(position) or await refuse_archived(fetch, journal_id, position)


async def refuse_archived(fetch: Fetch, journal_id: int, position: int) -> NoReturn:
    """Raises the ``Refusal`` of books as of a position that is archived."""
    [[archived]] = await fetch("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    message = f"The log up to position {archived} is archived, so the books as of {position} can't be added up."
    raise Refusal(LedgerRangeError.ARCHIVED, f"{message} Take a later position, or the archive.", "at")


async def trial_balances_at(fetch: Fetch, journal_id: int, positions: Collection[int]) -> dict[int, TrialBalance]:
    """Trial balances by position, all in one pass; those that are archived are absent. Read as ``trial_balance_at``."""
    [[archived, head, accounts]] = await fetch(_EXTENT, journal_id)
    asked = sorted({position for position in positions if position >= archived})
    if not asked:
        return {}
    far = head - asked[0] > _WORTH * accounts * len(asked)
    rows: dict[int, list[TrialBalanceRow]] = {position: [] for position in asked}
    for position, kind, asset, count, debit, credit in await fetch(_LOOKED_UP if far else _SUMS, journal_id, asked):
        rows[position].append(TrialBalanceRow(Kind(kind), asset, count, to_units(debit), to_units(credit)))
    return {position: TrialBalance(journal_id, position, found) for position, found in rows.items()}


async def outside_at(
    fetch: Fetch, journal_id: int, outside: int, at: datetime, known: int | None = None
) -> dict[tuple[Kind, int], int]:
    """What banks and the custodian keep for us by our books, by kind and asset: all that took effect by then, whenever
    it was recorded, or as far as it was recorded up to position ``known``."""
    low, high = accounts_of(outside)
    kinds = [Kind.FBO.value, Kind.FIRM_BANK.value, Kind.CUSTODIAN.value]
    rows = await fetch(_OUTSIDE, journal_id, low, high, kinds, at, known)
    return {(kind_of(account), asset_of(account)): -to_units(balance) for account, balance in rows}


_EXTENT = """
SELECT h.archived, h.position, (SELECT count(*) FROM ledger.account a WHERE a.journal_id = h.journal_id)
FROM ledger.journal_head h WHERE h.journal_id = $1
"""

#: Every entry is read once, whatever is asked: what it changed is put to the last position before it.
_SUMS = """
WITH changed AS MATERIALIZED (
  SELECT account, place, sum(change) AS change FROM (
    SELECT debit_account_id AS account, width_bucket(position - 1, $2::bigint[]) AS place, -amount AS change
    FROM ledger.transfer WHERE journal_id = $1 AND position > ($2::bigint[])[1]
    UNION ALL
    SELECT credit_account_id, width_bucket(position - 1, $2::bigint[]), amount
    FROM ledger.transfer WHERE journal_id = $1 AND position > ($2::bigint[])[1]) AS c
  GROUP BY account, place),
stood AS (
  SELECT ($2::bigint[])[asked.place] AS position, a.kind, a.asset_id,
         a.balance - coalesce(sum(c.change) OVER (PARTITION BY a.id ORDER BY asked.place DESC), 0) AS was
  FROM ledger.account a CROSS JOIN generate_subscripts($2::bigint[], 1) AS asked(place)
  LEFT JOIN changed c ON c.account = a.id AND c.place = asked.place
  WHERE a.journal_id = $1)
SELECT position, kind, asset_id, count(*)::integer, sum(greatest(-was, 0)), sum(greatest(was, 0))
FROM stood WHERE was <> 0 GROUP BY position, kind, asset_id ORDER BY position, kind, asset_id
"""

_LOOKED_UP = """
SELECT asked.position, a.kind, a.asset_id, count(*)::integer, sum(greatest(-b.balance, 0)), sum(greatest(b.balance, 0))
FROM unnest($2::bigint[]) AS asked(position),
  ledger.balances_at($1, ARRAY(SELECT id FROM ledger.account WHERE journal_id = $1), asked.position) AS b
JOIN ledger.account a ON a.id = b.account_id
WHERE b.balance <> 0 GROUP BY asked.position, a.kind, a.asset_id ORDER BY asked.position, a.kind, a.asset_id
"""

_OUTSIDE = """
SELECT b.account_id, b.balance FROM ledger.journal_head h, ledger.effective_balances_at(
  h.journal_id, ARRAY(SELECT id FROM ledger.account WHERE id BETWEEN $2 AND $3 AND kind = ANY ($4)), $5,
  least(h.position, $6::bigint)
) AS b WHERE h.journal_id = $1 ORDER BY b.account_id
"""
