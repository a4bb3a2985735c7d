"""Writes the oldest partition of a journal to an archive, and takes it out of the log once it is checked there."""

import asyncio
import hashlib
import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import asyncpg
import obstore
import polars
from obstore.store import ObjectStore

from app.infra.database import EngineConnection
from app.ledger.archive.parts import (
    EVENTS,
    PART,
    TRANSFERS,
    ArchiveBroken,
    File,
    Manifest,
    Part,
    manifests,
    put_manifest,
)

#: How often a partition is tried to be detached, a second apart.
_ATTEMPTS: Final = 60


async def oldest_partition(connection: EngineConnection, journal_id: int, before: datetime) -> tuple[int, int] | None:
    """After which position a journal's oldest partition begins and where it ends, if all in it was recorded before
    that time and is proven; else None."""
    row = await connection.fetchrow(_OLDEST, journal_id, before)
    return None if row is None else (row["archived"], row["ends"])


async def write_partition(
    connection: EngineConnection,
    store: ObjectStore,
    journal_id: int,
    after: int,
    to: int,
    told: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write what stands past ``after`` up to ``to``, part by part, then the manifest. What is there already stays.

    It may be what another database has dropped: whoever asks reads it back. Raises ``ArchiveBroken`` for something
    else in its place.
    """
    for there in await manifests(store, journal_id):
        if (there.after, there.to) == (after, to):
            return there
        if there.after < to and after < there.to:
            raise ArchiveBroken(f"positions {after + 1:,} to {to:,} can't be written over what {there.path} is of")
    parts = []
    for start in range(after, to, PART):
        end = min(start + PART, to)
        name = f"journal-{journal_id}/{start + 1:012}-{end:012}"
        events = await connection.fetch(_EVENTS, journal_id, start, end)
        transfers = await connection.fetch(_TRANSFERS, journal_id, start, end)
        parts.append(
            Part(
                start,
                end,
                await _put(store, f"{name}.events.parquet", events, EVENTS),
                await _put(store, f"{name}.transfers.parquet", transfers, TRANSFERS),
            )
        )
        told(end - after)
    manifest = Manifest(journal_id, after, to, parts)
    await put_manifest(store, manifest)
    return manifest


async def detach(connection: EngineConnection, manifest: Manifest, *, drop: bool) -> None:
    """Take the partition out of the log, in the hands of the ledger's owner. ``drop``: its tables too.

    Who reads the log holds it up, and while it waits it holds up everybody else: so it waits a moment only, and tries
    again. Raises ``asyncpg.LockNotAvailableError`` when that was never enough.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL ROLE ledger_owner; SET LOCAL lock_timeout = '200ms'")
                await connection.execute(
                    "SELECT ledger.detach_oldest_partition($1, $2)", manifest.journal_id, manifest.to
                )
                for table in ("event", "transfer") if drop else ():
                    await connection.execute(f"DROP TABLE ledger.{table}_{manifest.journal_id:d}_{manifest.after:d}")
            return
        except asyncpg.LockNotAvailableError:
            if attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(1)


async def _put(store: ObjectStore, path: str, rows: Iterable[Iterable[Any]], columns: dict[str, Any]) -> File:
    frame = polars.DataFrame([tuple(row) for row in rows], schema=_read_as(columns), orient="row")
    written = io.BytesIO()
    frame.cast(columns).write_parquet(written)  # type: ignore[arg-type]
    content = written.getvalue()
    await obstore.put_async(store, path, content)
    return File(path, frame.height, hashlib.sha256(content).hexdigest())


def _read_as(columns: dict[str, Any]) -> dict[str, Any]:
    """Amounts come from the database as text, which is exact and quick to read."""
    return {name: polars.String if isinstance(kind, polars.Decimal) else kind for name, kind in columns.items()}


_OLDEST = """
SELECT h.archived, ends FROM ledger.journal_head h JOIN ledger.audit a USING (journal_id),
  ledger.oldest_partition_ends(h.journal_id) AS ends
WHERE h.journal_id = $1 AND ends <= a.proven
  AND (SELECT recorded_at < $2 FROM ledger.event WHERE journal_id = $1 AND position = ends)
"""
_EVENTS = """
SELECT position, book_id, sequence, type, version, lateness, actor, cause::text, correlation::text, recorded_at,
       effective_at, data::text
FROM ledger.event WHERE journal_id = $1 AND position > $2 AND position <= $3 ORDER BY position
"""
_TRANSFERS = """
SELECT position, leg, lateness, debit_account_id, debit_sequence, debit_balance::text, credit_account_id,
       credit_sequence, credit_balance::text, amount::text
FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3 ORDER BY position, leg
"""
