"""Entries that have left the log: their leaves worked out again from the archive, or as they were sealed."""

from collections.abc import AsyncIterator, Iterable

import polars
from obstore.store import ObjectStore

from app.infra.database import EngineConnection
from app.ledger.archive.check import read_parts
from app.ledger.archive.parts import ArchiveBroken, Manifest, manifests
from app.ledger.types import Journal
from app.proof.leaf import Times, leaf
from app.proof.log import LogDamaged
from app.proof.nodes import BLOCK, BLOCK_LEVEL, find_nodes, split
from app.proof.note import NoteInvalid
from app.proof.published import newest_published
from app.proof.seal import Seals
from app.proof.tree import Peaks, cover, hash_leaf, levels

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
    blocks = (
        _from_archive(store, journal_id, await manifests(store, journal_id))
        if store
        else _as_sealed(connection, journal_id)
    )
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


async def archived_contradicts(
    connection: EngineConnection, seals: Seals, journal: Journal, store: ObjectStore, manifest: Manifest
) -> str | None:
    """Whether a partition in the archive is another than was signed: says where, or None if it is that.

    Its leaves are worked out from the archive, and with what is stored of the rest of the tree they must give the root
    of the newest checkpoint, as its publisher has it.
    """
    try:
        signed = await newest_published(seals, journal)
        if signed is None or signed.size < manifest.to:
            return f"no checkpoint that covers position {manifest.to:,} is where {seals.origin(journal)} publishes"
        before = cover(0, manifest.after)
        found = await find_nodes(connection, journal.id, before, signed.size)
        tree = Peaks([(node, found[node]) for node in before])
        number = manifest.after // BLOCK
        async for leaves in _from_archive(store, journal.id, [manifest]):
            wrong = await _unsealed(connection, journal.id, number, leaves)
            if wrong is not None:
                return wrong
            tree.add((BLOCK_LEVEL, number), levels(leaves)[BLOCK_LEVEL][0])
            number += 1
        for row in await connection.fetch(_ROOTS_FROM, journal.id, number, signed.size // BLOCK):
            tree.add((BLOCK_LEVEL, row["number"]), row["root"])
        rest = cover(signed.size // BLOCK * BLOCK, signed.size)
        found = await find_nodes(connection, journal.id, rest, signed.size)
    except (ArchiveBroken, LogDamaged, NoteInvalid) as error:
        return str(error)
    if tree.root_with([found[node] for node in rest]) == signed.root:
        return None
    return f"with it the first {signed.size:,} entries have another root than the checkpoint that was published of them"


async def _unsealed(connection: EngineConnection, journal_id: int, number: int, leaves: list[bytes]) -> str | None:
    """Which entry of a block is not the one that was sealed."""
    row = await connection.fetchrow(_BLOCK, journal_id, number)
    if row is None:
        return f"block {number} was never sealed"
    pairs = enumerate(zip(leaves, split(row["leaves"]), strict=True), number * BLOCK + 1)
    return next((f"position {at} is not the entry that was sealed" for at, (ours, kept) in pairs if ours != kept), None)


async def _from_archive(store: ObjectStore, journal_id: int, found: Iterable[Manifest]) -> AsyncIterator[list[bytes]]:
    times = Times()
    hashes: list[bytes] = []
    for manifest in found:
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


_ROOTS_FROM = """
SELECT number, root FROM ledger.block WHERE journal_id = $1 AND number >= $2 AND number < $3 ORDER BY number
"""
_BLOCK = "SELECT leaves FROM ledger.block WHERE journal_id = $1 AND number = $2"
