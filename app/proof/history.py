"""An account's whole history with its proofs, as lines of JSON: what the stand-alone verifier reads.

The first line says whose history it is and holds the checkpoint. Then comes every entry of the account's stream up to
the checkpoint, with its audit path. The last line says how the account's balances stood then, as the books had them:
the verifier adds the amounts up itself.
"""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import driver_of
from app.ledger.chart import accounts_of
from app.proof.note import to_base64
from app.proof.prove import prove_entries
from app.proof.types import EntryProof, PublishedCheckpoint

_CHUNK: Final = 200


async def history(
    connection: AsyncConnection, under: PublishedCheckpoint, account: UUID, book: int
) -> AsyncIterator[str]:
    """The lines, without their ends. The first entry of the account's ``book`` is its opening, which names it."""
    journal = under.journal_id
    driver = driver_of(connection)
    entries = await driver.fetchval(_LAST, journal, book, under.size) or 0
    yield _line(
        {
            "account": str(account),
            "journal": journal,
            "book": book,
            "entries": entries,
            "treeSize": under.size,
            "checkpoint": under.note,
        }
    )
    at = 0
    while rows := await driver.fetch(_ENTRIES, journal, book, at, under.size, _CHUNK):
        at = rows[-1]["sequence"]
        positions = [row["position"] for row in rows]
        proofs = await prove_entries(connection, under, positions)
        for position in positions:
            yield _line(_entry(proofs[position]))
    low, high = accounts_of(book)
    balances = await driver.fetch(_BALANCES, journal, low, high, under.size)
    yield _line({"balances": [[row["account"], row["balance"]] for row in balances]})


def _entry(proof: EntryProof) -> dict[str, Any]:
    return {"leaf": proof.leaf, "index": proof.index, "auditPath": [to_base64(hash_) for hash_ in proof.audit_path]}


def _line(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()


_LAST = """
SELECT sequence FROM ledger.event WHERE journal_id = $1 AND book_id = $2 AND position <= $3
ORDER BY sequence DESC LIMIT 1
"""
_ENTRIES = """
SELECT sequence, position FROM ledger.event
WHERE journal_id = $1 AND book_id = $2 AND sequence > $3 AND position <= $4 ORDER BY sequence LIMIT $5
"""
_BALANCES = """
SELECT DISTINCT ON (account) account, balance::text FROM (
  SELECT debit_account_id AS account, debit_sequence AS sequence, debit_balance AS balance FROM ledger.transfer
  WHERE journal_id = $1 AND debit_account_id BETWEEN $2 AND $3 AND position <= $4
  UNION ALL
  SELECT credit_account_id, credit_sequence, credit_balance FROM ledger.transfer
  WHERE journal_id = $1 AND credit_account_id BETWEEN $2 AND $3 AND position <= $4) AS sides
ORDER BY account, sequence DESC
"""
