"""Proofs for those who ask: that an entry is in the log, and that a log goes on from an earlier one.

What is proved is what the database says. Whether that is the truth is for the verifier to find out, on the asker's own
machine.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import driver_of
from app.proof.log import leaves_at
from app.proof.nodes import find_nodes
from app.proof.reads import newest_checkpoint
from app.proof.tree import audit_path, consistency_path, hashes_of, nodes_of
from app.proof.types import ConsistencyProof, EntryProof, PublishedCheckpoint


async def entry_proofs(
    connection: AsyncConnection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], EntryProof]:
    """By journal and position: the proof under the newest checkpoint. What none covers yet is absent."""
    positions: dict[int, list[int]] = {}
    for journal_id, position in keys:
        positions.setdefault(journal_id, []).append(position)
    found: dict[tuple[int, int], EntryProof] = {}
    for journal_id, wanted in positions.items():
        newest = await newest_checkpoint(connection, journal_id)
        if newest is not None:
            proofs = await prove_entries(connection, newest, wanted)
            found |= {(journal_id, position): proof for position, proof in proofs.items()}
    return found


async def prove_entries(
    connection: AsyncConnection, under: PublishedCheckpoint, positions: Sequence[int]
) -> dict[int, EntryProof]:
    """By position: the proof under this checkpoint. What it doesn't cover is absent, as is what has left the log."""
    covered = [position for position in positions if position <= under.size]
    return await prove_leaves(connection, under, await leaves_at(driver_of(connection), under.journal_id, covered))


async def prove_leaves(
    connection: AsyncConnection, under: PublishedCheckpoint, leaves: Mapping[int, str]
) -> dict[int, EntryProof]:
    """The same for entries whose text is known; all of them are covered."""
    paths = {position: audit_path(position - 1, under.size) for position in leaves}
    ranges = [each for path in paths.values() for each in path]
    nodes = await find_nodes(driver_of(connection), under.journal_id, nodes_of(ranges), under.size)
    return {
        position: EntryProof(leaf, position - 1, under.size, hashes_of(paths[position], nodes), under.note)
        for position, leaf in leaves.items()
    }


async def prove_consistency(
    connection: AsyncConnection, old: PublishedCheckpoint, new: PublishedCheckpoint
) -> ConsistencyProof:
    """That the newer checkpoint's log begins with the older one's, which must be of the same journal."""
    path = consistency_path(old.size, new.size)
    nodes = await find_nodes(driver_of(connection), new.journal_id, nodes_of(path), new.size)
    return ConsistencyProof(old.note, new.note, hashes_of(path, nodes))
