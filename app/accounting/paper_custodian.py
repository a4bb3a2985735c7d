"""The sandbox's custodian and bank: they keep a record of their own of what they were told, and write files from it.

They are told what the rails do (settlements, deposits, withdrawals, what companies pay out), each movement once, and
remember it in the ``paper`` schema. What an operator writes into our books by hand they are not told: until somebody
moves the money too, it is a break, as it would be with a real bank.
"""

from datetime import datetime
from typing import Final

from app.accounting.statement import KEPT_ELSEWHERE, written
from app.accounting.types import EVENT_TYPES
from app.infra.database import EngineConnection, EnginePool
from app.kernel.clock import Clock
from app.kernel.money import to_units
from app.ledger.chart import USD, Kind, accounts_of, asset_of, kind_of
from app.ledger.types import Journal

#: Entries of which nobody outside hears.
_OURS_ALONE: Final = [type_.value for type_ in EVENT_TYPES.values()]


class PaperCustodian:
    """A ``CustodianFile`` of the sandbox. ``clock`` is the market's."""

    name = "paper"

    def __init__(self, pool: EnginePool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def file(self, journal: Journal, as_of: datetime | None) -> str:
        """What they keep at that moment, or now."""
        low, high = accounts_of(journal.outside)
        async with self._pool.acquire() as connection:
            await _hear(connection, journal)  # most of it, beside the journal's lock
            async with connection.transaction():
                # What is being committed is heard too: nothing that comes later can have taken effect before now.
                await connection.execute("SELECT ledger.lock_journal($1)", journal.id)
                at = self._clock.now() if as_of is None else as_of
                await _hear(connection, journal)
            rows = await connection.fetch(_BALANCES, low, high, at)
            codes = {row["id"]: row["code"] for row in await connection.fetch("SELECT id, code FROM ledger.asset")}
        balances = {(kind_of(row["account"]), asset_of(row["account"])): to_units(row["balance"]) for row in rows}
        # Who keeps nothing says so.
        nothing: dict[tuple[Kind, int], int] = {(kind, USD): 0 for kind in KEPT_ELSEWHERE}
        return written(at, nothing | balances, codes)


async def _hear(connection: EngineConnection, journal: Journal) -> None:
    """Take in what is new: in one statement, so that what is marked as heard is just what was heard."""
    low, high = accounts_of(journal.outside)
    await connection.execute(_OPEN, low, high, [kind.value for kind in KEPT_ELSEWHERE])
    await connection.execute(_HEAR, low, high, _OURS_ALONE, journal.id)


_OPEN = """
INSERT INTO paper.custody_account
SELECT id, 0 FROM ledger.account WHERE id BETWEEN $1 AND $2 AND kind = ANY ($3) ON CONFLICT DO NOTHING
"""

#: Our debit is their credit: what they keep for us grows. Who hears the same at the same time does no harm.
_HEAR = """
WITH heard AS (
  UPDATE paper.custody_account SET heard = h.position FROM ledger.journal_head h
  WHERE h.journal_id = $4 AND account BETWEEN $1 AND $2 AND heard < h.position)
INSERT INTO paper.custody_movement
SELECT p.account, t.sequence, t.amount, e.effective_at
FROM paper.custody_account p CROSS JOIN LATERAL (
  SELECT position, debit_sequence AS sequence, amount FROM ledger.transfer
  WHERE journal_id = $4 AND debit_account_id = p.account AND position > p.heard
  UNION ALL
  SELECT position, credit_sequence, -amount FROM ledger.transfer
  WHERE journal_id = $4 AND credit_account_id = p.account AND position > p.heard) AS t
JOIN ledger.event e ON e.journal_id = $4 AND e.position = t.position
WHERE p.account BETWEEN $1 AND $2 AND e.type <> ALL ($3)
ON CONFLICT DO NOTHING
"""

_BALANCES = """
SELECT account, sum(amount) AS balance FROM paper.custody_movement
WHERE account BETWEEN $1 AND $2 AND at <= $3 GROUP BY account HAVING sum(amount) <> 0
"""
