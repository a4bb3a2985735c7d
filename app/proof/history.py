"""An account's whole history with its proofs, as lines of JSON: what the stand-alone verifier reads.

The first line says whose history it is and holds the checkpoint. Then comes every entry of the account's stream up to
the checkpoint, with its audit path. The last line says how the account's balances stood then, as the books had them:
the verifier adds the amounts up itself.
"""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import orjson
from obstore.store import ObjectStore
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import driver_of
from app.ledger.chart import accounts_of
from app.proof.archived import archived_leaves
from app.proof.note import to_base64
from app.proof.prove import prove_entries, prove_leaves
from app.proof.types import EntryProof, PublishedCheckpoint

_CHUNK: Final = 200


async def history(
    connection: AsyncConnection,
    under: PublishedCheckpoint,
    account: UUID,
    book: int,
    archive: ObjectStore | None = None,
) -> AsyncIterator[str]:
    """The lines, without their ends. The first entry of the account's ``book`` is its opening, which names it.

    What has left the log is read from the ``archive``. Raises ``LookupError`` before anything where that is needed and
    not there: half a history proves nothing. ``ArchiveBroken`` for an archive that can't be read.
    """
    journal, driver = under.journal_id, driver_of(connection)
    row = await driver.fetchrow(_EXTENT, journal, book, under.size)
    assert row is not None, "an account has a book"
    if row["first"] > 1 and archive is None:
        raise LookupError("its first entries are archived: name the archive to have them too")
    yield _line(
        {
            "account": str(account),
            "journal": journal,
            "book": book,
            "entries": row["last"],
            "treeSize": under.size,
            "checkpoint": under.note,
        }
    )
    if archive is not None:
        async for leaves in archived_leaves(archive, journal, book, row["archived"]):
            for proof in (await prove_leaves(connection, under, leaves)).values():
                yield _line(_entry(proof))
    at = 0
    while rows := await driver.fetch(_ENTRIES, journal, book, at, under.size, _CHUNK):
        at = rows[-1]["sequence"]
        positions = [row["position"] for row in rows]
        proofs = await prove_entries(connection, under, positions)
        for position in positions:
            yield _line(_entry(proofs[position]))
    low, high = accounts_of(book)
    balances = await driver.fetch(_BALANCES, journal, low, high, under.size)
    yield _line({"balances": [[row["account_id"], row["balance"]] for row in balances]})


def _entry(proof: EntryProof) -> dict[str, Any]:
    return {"leaf": proof.leaf, "index": proof.index, "auditPath": [to_base64(hash_) for hash_ in proof.audit_path]}


def _line(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()


# Of a book of which nothing is in the log any more, or nothing up to the checkpoint, the rest says how many there were.
_EXTENT = """
SELECT h.archived, coalesce(log.first, b.sequence + 1) AS first,
  coalesce(log.last, log.first - 1, b.sequence) AS last
FROM ledger.journal_head h, ledger.book b, LATERAL (
  SELECT min(sequence) AS first, max(sequence) FILTER (WHERE position <= $3) AS last
  FROM ledger.event WHERE journal_id = $1 AND book_id = b.id) AS log
WHERE h.journal_id = $1 AND b.id = $2
"""
_ENTRIES = """
SELECT sequence, position FROM ledger.event
WHERE journal_id = $1 AND book_id = $2 AND sequence > $3 AND position <= $4 ORDER BY sequence LIMIT $5
"""
_BALANCES = """
SELECT account_id, balance::text
FROM ledger.balances_at($1, ARRAY(SELECT id FROM ledger.account WHERE id BETWEEN $2 AND $3), $4)
WHERE sequence > 0 ORDER BY account_id
"""
