"""``wealthgraph archive`` and ``wealthgraph check-archive``: old partitions of the log, kept elsewhere."""

from collections.abc import Callable
from datetime import datetime

import asyncpg
from obstore.store import ObjectStore

from app.accounting.close_day import detachable_until
from app.infra.database import EngineConnection
from app.ledger.archive.check import check_archive
from app.ledger.archive.parts import Manifest, archived_journals, open_store
from app.ledger.archive.write import detach, oldest_partition, write_partition
from app.ledger.books import journals
from app.proof.published import published_size

Say = Callable[[str], None]


async def archive_all(url: str, to: str, before: datetime, say: Say, *, detached: bool, drop: bool) -> bool:
    """Archive what was recorded before that time; true if the archive agrees with the log.

    Without ``detached`` only the oldest partition of each journal is written: the next one is the oldest after it.
    """
    store = open_store(to)
    connection = await asyncpg.connect(url)
    agrees = True
    try:
        for journal in await journals(connection):
            while agrees and (found := await oldest_partition(connection, journal.id, before)):
                if found[1] > await published_size(connection, journal.id):
                    say(f"Journal {journal.id}: no published checkpoint covers position {found[1]:,} yet.")
                    break
                if detached and not await _is_closed(connection, journal.id, found[1], say):
                    break
                manifest = await write_partition(connection, store, journal.id, *found)
                agrees = await _agrees(connection, store, manifest, say)
                if not agrees or not detached:
                    break
                await detach(connection, manifest, drop=drop)
                say(f"  Taken out of the log; balances up to position {manifest.to:,} stand in snapshots.")
    finally:
        await connection.close()
    return agrees


async def _is_closed(connection: EngineConnection, journal_id: int, to: int, say: Say) -> bool:
    """Whether the books of all that would leave the log are closed; says so if not."""
    until = await detachable_until(connection, journal_id)
    if until is None or to <= until:
        return True
    say(
        f"Journal {journal_id}: the books are closed up to position {until:,} only, not up to {to:,}; close them first."
    )
    return False


async def check_all(place: str, say: Say) -> bool:
    """Check an archive from itself alone; true if nothing is missing or changed, and it adds up."""
    store = open_store(place)
    agrees = True
    for journal_id in archived_journals(store):
        found = await check_archive(store, journal_id)
        say(f"Journal {journal_id}: positions 1 to {found.to:,}: {found.disagreement or 'complete, and adds up.'}")
        agrees = agrees and found.disagreement is None
    return agrees


async def _agrees(connection: EngineConnection, store: ObjectStore, manifest: Manifest, say: Say) -> bool:
    """Whether the archive, read back, ends where the log says that every account stood then."""
    found = await check_archive(store, manifest.journal_id)
    rows = await connection.fetch(
        "SELECT account_id, sequence, trunc(balance * 100000000)::text AS balance FROM ledger.balances_at("
        "$1, ARRAY(SELECT id FROM ledger.account WHERE journal_id = $1), $2) WHERE sequence > 0",
        manifest.journal_id,
        manifest.to,
    )
    stands = {row["account_id"]: (row["sequence"], int(row["balance"])) for row in rows}
    wrong = found.disagreement or (None if stands == found.stands else "it ends with other balances than the log")
    verdict = wrong or "archived, read back, and agrees with the log"
    say(f"Journal {manifest.journal_id}: positions {manifest.after + 1:,} to {manifest.to:,}: {verdict}.")
    return wrong is None
