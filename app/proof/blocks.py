"""Stores the blocks that have become full since the last one, with the nodes that they complete."""

from hashlib import sha256

from app.infra.database import EngineConnection
from app.proof.log import LogDamaged, leaf_hashes
from app.proof.nodes import BLOCK, BLOCK_LEVEL, find_nodes
from app.proof.tree import Node, Peaks, cover, levels

#: Before the first block.
NO_CHAIN = bytes(32)


def chained(chain: bytes, root: bytes) -> bytes:
    """The chain of the block with this root, after the block with that chain."""
    return sha256(chain + root).digest()


async def store_blocks(connection: EngineConnection, journal_id: int, size: int) -> None:
    """Store every block among the first ``size`` entries that isn't yet.

    Each is a statement of its own, so however many there are, nothing is held up. What is stored follows from the
    log alone: of two that store the same, the second changes nothing.
    """
    last = await connection.fetchrow(_LAST, journal_id)
    number, chain = (0, NO_CHAIN) if last is None else (last["number"] + 1, last["chain"])
    if last is not None and number * BLOCK > last["head"]:
        raise LogDamaged(last["head"] + 1, f"block {number - 1} is stored, but the log ends at {last['head']}")
    if (number + 1) * BLOCK > size:
        return
    tree = await peaks_at(connection, journal_id, number * BLOCK)
    while (number + 1) * BLOCK <= size:
        leaves = await leaf_hashes(connection, journal_id, number * BLOCK, (number + 1) * BLOCK)
        root = levels(leaves)[BLOCK_LEVEL][0]
        chain = chained(chain, root)
        nodes = tree.add((BLOCK_LEVEL, number), root)
        await _store(connection, journal_id, (number, root, chain, b"".join(leaves)), nodes)
        number += 1


async def peaks_at(connection: EngineConnection, journal_id: int, size: int) -> Peaks:
    """The tree as it was at a size of whole blocks, ready to grow."""
    wanted = cover(0, size)
    found = await find_nodes(connection, journal_id, wanted, size)
    return Peaks([(node, found[node]) for node in wanted])


async def _store(
    connection: EngineConnection,
    journal_id: int,
    block: tuple[int, bytes, bytes, bytes],
    nodes: list[tuple[Node, bytes]],
) -> None:
    await connection.execute(
        "SELECT ledger.store_block($1, $2, $3, $4, $5, $6, $7, $8)",
        journal_id,
        *block,
        [level for (level, _), _ in nodes],
        [number for (_, number), _ in nodes],
        [hash_ for _, hash_ in nodes],
    )


_LAST = """
SELECT b.number, b.chain, h.position AS head FROM ledger.block b JOIN ledger.journal_head h USING (journal_id)
WHERE b.journal_id = $1 ORDER BY b.number DESC LIMIT 1
"""
