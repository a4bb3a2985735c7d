"""``wealthgraph archive`` and ``wealthgraph check-archive``: old partitions of the log, kept elsewhere."""

from collections.abc import Callable
from datetime import datetime

import asyncpg
from obstore.store import ObjectStore

from app.accounting.close_day import detachable_until
from app.infra.database import EngineConnection
from app.ledger.adding_up import Stretch
from app.ledger.archive.check import add_up, check_archive
from app.ledger.archive.parts import ArchiveBroken, Manifest, archived_journals, manifests, open_store
from app.ledger.archive.write import detach, oldest_partition, write_partition
from app.ledger.books import journals
from app.ledger.replay import bounds, stands_at
from app.ledger.types import Journal
from app.proof.archived import archived_contradicts
from app.proof.nodes import BLOCK
from app.proof.published import published_size
from app.proof.seal import Seals

Say = Callable[[str], None]


async def archive_all(
    url: str, to: str, before: datetime, seals: Seals, say: Say, *, detached: bool, drop: bool
) -> bool:
    """Archive what was recorded before that time; true if the archive agrees with the log, and is what was signed.

    Without ``detached`` only the oldest partition of each journal is written: the next one is the oldest after it.
    """
    store = open_store(to)
    connection = await asyncpg.connect(url)
    agrees = True
    try:
        for journal in await journals(connection):
            archived, _ = await bounds(connection, journal.id)
            there = max((each.to for each in await manifests(store, journal.id)), default=0)
            if there < archived:
                say(f"Journal {journal.id}: {there + 1:,} to {archived:,} are neither in the log nor in this archive.")
                agrees = False
                continue
            while found := await oldest_partition(connection, journal.id, before):
                if found[1] % BLOCK:
                    say(f"Journal {journal.id}: position {found[1]:,} is in the middle of a block of its proof.")
                    break
                if found[1] > await published_size(connection, journal.id):
                    say(f"Journal {journal.id}: no published checkpoint covers position {found[1]:,} yet.")
                    break
                if detached and not await _is_closed(connection, journal.id, found[1], say):
                    break
                manifest = await _archived(connection, seals, journal, store, found, say)
                if manifest is None:
                    agrees = False
                    break
                if not detached:
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
    """Check an archive from itself alone; true if there is one, nothing is missing or changed, and it adds up."""
    store = open_store(place)
    there = archived_journals(store)
    if not there:
        say(f"There is no archive in {place}.")
    agrees = bool(there)
    for journal_id in there:
        found = await check_archive(store, journal_id)
        say(f"Journal {journal_id}: positions 1 to {found.to:,}: {found.disagreement or 'complete, and adds up.'}")
        agrees = agrees and found.disagreement is None
    return agrees


async def _archived(
    connection: EngineConnection, seals: Seals, journal: Journal, store: ObjectStore, found: tuple[int, int], say: Say
) -> Manifest | None:
    """The partition as it stands in the archive; None, and says why, unless it begins and ends where the log says that
    its accounts stood, and was signed."""
    try:
        manifest = await write_partition(connection, store, journal.id, *found)
        wrong = await _contradiction(connection, manifest, store)
        wrong = wrong or await archived_contradicts(connection, seals, journal, store, manifest)
    except ArchiveBroken as broken:
        manifest, wrong = None, str(broken)
    verdict = wrong or "archived, read back, agrees with the log, and is what was signed"
    say(f"Journal {journal.id}: positions {found[0] + 1:,} to {found[1]:,}: {verdict}.")
    return None if wrong else manifest


async def _contradiction(connection: EngineConnection, manifest: Manifest, store: ObjectStore) -> str | None:
    found = Stretch()
    await add_up(store, manifest, found)
    stood = await stands_at(connection, manifest.journal_id, found.opening, manifest.after)
    if wrong := found.contradiction(stood):
        return wrong
    stands = await stands_at(connection, manifest.journal_id, found.closing, manifest.to)
    return None if stands == found.closing else "it ends with other balances than the log"
