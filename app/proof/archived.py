"""Entries that have left the log: their leaves worked out again from the archive, or as they were sealed."""

from collections.abc import AsyncIterator

import polars
from obstore.store import ObjectStore

from app.infra.database import EngineConnection
from app.ledger.archive.check import read_parts
from app.ledger.archive.parts import manifests
from app.proof.leaf import Times, leaf
from app.proof.nodes import BLOCK, split
from app.proof.tree import hash_leaf

_COLUMNS = (
    "position", "book_id", "sequence", "type", "version", "actor", "cause", "correlation", "recorded_at",
    "effective_at", "data", "legs",
)  # fmt: skip


async def archived_blocks(
    connection: EngineConnection, journal_id: int, store: ObjectStore | None
) -> AsyncIterator[list[bytes]]:
    """The leaf hashes of each block whose entries were detached, in order.

    From the archive if there is one, else as the database has kept them: then only the checkpoints speak for them.
    Raises ``ArchiveBroken``.
    """
    archived: int = await connection.fetchval(
        "SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id
    )
    blocks = _from_archive(store, journal_id) if store else _as_sealed(connection, journal_id)
    number = 0
    async for leaves in blocks:
        if (number + 1) * BLOCK > archived:
            return
        yield leaves
        number += 1


async def archived_leaves(store: ObjectStore, journal_id: int, book: int, until: int) -> AsyncIterator[dict[int, str]]:
    """The texts of a book's entries in the archive up to a position, by position: some at a time, oldest first.

    Raises ``ArchiveBroken``.
    """
    times = Times()
    for manifest in await manifests(store, journal_id):
        if manifest.after >= until:
            return
        async for _, events, transfers in read_parts(store, manifest):
            rows = _entries(events.filter(polars.col("book_id") == book), transfers).iter_rows()
            found = {row[0]: leaf(journal_id, row, times).decode() for row in rows if row[0] <= until}
            if found:
                yield found


async def _from_archive(store: ObjectStore, journal_id: int) -> AsyncIterator[list[bytes]]:
    times = Times()
    hashes: list[bytes] = []
    for manifest in await manifests(store, journal_id):
        async for _, events, transfers in read_parts(store, manifest):
            hashes += [hash_leaf(leaf(journal_id, row, times)) for row in _entries(events, transfers).iter_rows()]
            whole = len(hashes) // BLOCK * BLOCK
            for at in range(0, whole, BLOCK):
                yield hashes[at : at + BLOCK]
            hashes = hashes[whole:]


async def _as_sealed(connection: EngineConnection, journal_id: int) -> AsyncIterator[list[bytes]]:
    number = 0
    while (row := await connection.fetchrow(_BLOCK, journal_id, number)) is not None:
        yield list(split(row["leaves"]))
        number += 1


def _entries(events: polars.DataFrame, transfers: polars.DataFrame) -> polars.DataFrame:
    """Entries with their movements, as ``leaf`` takes them."""
    movement = polars.format('[{},{},"{}"]', "debit_account_id", "credit_account_id", polars.col("amount").cast(str))
    legs = transfers.group_by("position", maintain_order=True).agg(movement.str.join(",").alias("legs"))
    return events.join(legs, on="position", how="left", maintain_order="left").select(_COLUMNS)


_BLOCK = "SELECT leaves FROM ledger.block WHERE journal_id = $1 AND number = $2"
