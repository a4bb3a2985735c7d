"""Finds the tree's nodes: large ones where they are stored, small ones by hashing up a block's leaves.

A block's leaves are stored with it; those past the last full block are hashed from the log. So a proof costs a few
rows, the leaves of one block, and at most one block's worth of entries.
"""

from collections.abc import Collection
from typing import Final

from app.infra.database import EngineConnection
from app.proof.log import LogDamaged, leaf_hashes
from app.proof.tree import Node, cover, fold, levels

#: A block is a node of this level.
BLOCK_LEVEL: Final = 10
BLOCK: Final = 1 << BLOCK_LEVEL
HASH: Final = 32


async def find_nodes(
    connection: EngineConnection, journal_id: int, wanted: Collection[Node], size: int
) -> dict[Node, bytes]:
    """The hashes of nodes of the tree as it was at ``size``. Raises ``LogDamaged`` where one can't be had."""
    found = await stored_nodes(connection, journal_id, [node for node in wanted if node[0] >= BLOCK_LEVEL])
    small: dict[int, list[Node]] = {}
    for level, number in wanted:
        if level < BLOCK_LEVEL:
            small.setdefault(number >> BLOCK_LEVEL - level, []).append((level, number))
    full = await _leaves_of(connection, journal_id, [block for block in small if (block + 1) * BLOCK <= size])
    for block, nodes in small.items():
        end = min((block + 1) * BLOCK, size)
        leaves = full.get(block) or await leaf_hashes(connection, journal_id, block * BLOCK, end)
        by_level = levels(leaves)
        for level, number in nodes:
            found[level, number] = by_level[level][number - (block << BLOCK_LEVEL - level)]
    for level, number in wanted:
        if (level, number) not in found:
            first = (number << level) + 1
            raise LogDamaged(first, f"the tree has no node over positions {first} to {first - 1 + (1 << level)}")
    return found


async def root_at(connection: EngineConnection, journal_id: int, size: int) -> bytes:
    """The root of the tree at that size, from what is stored of it and what the log says past the last block."""
    wanted = cover(0, size)
    found = await find_nodes(connection, journal_id, wanted, size)
    return fold([found[node] for node in wanted])


async def stored_nodes(connection: EngineConnection, journal_id: int, nodes: Collection[Node]) -> dict[Node, bytes]:
    """Those of the nodes that are stored: blocks and what is above them."""
    if not nodes:
        return {}
    blocks = [number for level, number in nodes if level == BLOCK_LEVEL]
    rows = await connection.fetch(_NODES, journal_id, [*map(_level, nodes)], [*map(_number, nodes)])
    found = {(row["level"], row["number"]): row["hash"] for row in rows}
    rows = await connection.fetch(_ROOTS, journal_id, blocks)
    return found | {(BLOCK_LEVEL, row["number"]): row["root"] for row in rows}


async def _leaves_of(connection: EngineConnection, journal_id: int, blocks: Collection[int]) -> dict[int, list[bytes]]:
    rows = await connection.fetch(_LEAVES, journal_id, blocks) if blocks else []
    return {row["number"]: split(row["leaves"]) for row in rows}


def split(leaves: bytes) -> list[bytes]:
    """Hashes that stand one after the other."""
    return [leaves[at : at + HASH] for at in range(0, len(leaves), HASH)]


def _level(node: Node) -> int:
    return node[0]


def _number(node: Node) -> int:
    return node[1]


_NODES = """
SELECT n.level, n.number, n.hash FROM unnest($2::smallint[], $3::bigint[]) AS u(level, number)
JOIN ledger.tree_node n ON n.journal_id = $1 AND n.level = u.level AND n.number = u.number
"""
_ROOTS = "SELECT number, root FROM ledger.block WHERE journal_id = $1 AND number = ANY ($2)"
_LEAVES = "SELECT number, leaves FROM ledger.block WHERE journal_id = $1 AND number = ANY ($2)"
