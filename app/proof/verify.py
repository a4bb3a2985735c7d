"""``wealthgraph verify``: the whole tree worked out again from the log in one pass, and compared with all that was said
of it: the blocks and nodes that are stored, and every checkpoint as its publisher (not the database) has it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from obstore.store import ObjectStore

from app.infra.database import EngineConnection
from app.ledger.archive.parts import ArchiveBroken
from app.ledger.types import Journal
from app.proof.archived import archived_blocks
from app.proof.blocks import NO_CHAIN, chained
from app.proof.leaf import Times
from app.proof.log import LogDamaged, rows_between, texts
from app.proof.nodes import BLOCK, BLOCK_LEVEL, split, stored_nodes
from app.proof.published import read_published
from app.proof.seal import Seals
from app.proof.tree import Node, Peaks, completed_by, cover, hash_leaf, levels

#: Blocks that are read at once.
_READ: Final = 4
#: Faults that are told of; more would say nothing new.
_MOST: Final = 20


@dataclass(slots=True)
class Verified:
    """What was found. ``faults`` says in words what disagrees, in the order of the log; none if all is well.

    Of the ``entries`` the first ``unread`` are archived: only the hashes that were kept of them were looked at.
    """

    entries: int = 0
    unread: int = 0
    blocks: int = 0
    checkpoints: int = 0
    faults: list[str] = field(default_factory=list)


async def verify(
    connection: EngineConnection,
    seals: Seals,
    journal: Journal,
    progress: Callable[[int], None] = lambda _: None,
    archive: ObjectStore | None = None,
) -> Verified:
    """Verify one journal; ``progress`` hears how many entries were done. Changes nothing.

    Entries that have left the log are read from the ``archive``. Without one their hashes count as they were sealed.
    """
    return await _Verification(connection, seals, journal, progress, archive).run()


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database has of some blocks."""

    blocks: dict[int, asyncpg.Record]
    nodes: dict[Node, bytes]


class _Verification:
    def __init__(
        self,
        connection: EngineConnection,
        seals: Seals,
        journal: Journal,
        progress: Callable[[int], None],
        archive: ObjectStore | None,
    ) -> None:
        self._connection = connection
        self._seals = seals
        self._journal = journal
        self._progress = progress
        self._archive = archive
        self._found = Verified()
        self._tree = Peaks()
        self._chain = NO_CHAIN
        self._due: list[tuple[int, bytes]] = []
        self._newest = 0
        self._agreed = 0
        self._disagreed = False

    async def run(self) -> Verified:
        published = await read_published(self._connection, self._seals, self._journal, self._fault)
        self._newest = published[-1][0] if published else 0
        self._found.checkpoints = len(published)
        self._due = published[::-1]
        try:
            async for leaves in archived_blocks(self._connection, self._journal.id, self._archive):
                number = self._found.entries // BLOCK
                self._next(number, leaves, (await self._read(number, 1))[1])
            self._found.unread = 0 if self._archive else self._found.entries
            async for number, leaves, stored in self._blocks(self._found.entries // BLOCK):
                self._next(number, leaves, stored)
        except LogDamaged as damage:
            self._fault(f"{damage}; nothing after position {damage.position - 1} can be verified")
        except ArchiveBroken as broken:
            self._fault(f"{broken}; nothing after position {self._found.entries} can be verified")
        else:
            await self._check_end()
        return self._found

    def _next(self, number: int, leaves: list[bytes], stored: _Stored) -> None:
        self._block(number, leaves, stored)
        self._found.entries += len(leaves)
        self._progress(self._found.entries)

    async def _blocks(self, number: int) -> AsyncIterator[tuple[int, list[bytes], _Stored]]:
        """From a block on: its number, the hashes of its leaves, and what is stored of it.

        The last one may not be full. The next are read while these are hashed.
        """
        times = Times()
        reading = asyncio.create_task(self._read(number, _READ))
        try:
            while True:
                rows, stored = await reading
                reading = asyncio.create_task(self._read(number + _READ, _READ))
                await asyncio.sleep(0)  # so that the database has it to do meanwhile
                leaves = list(map(hash_leaf, texts(self._journal.id, rows, number * BLOCK + 1, times)))
                for at in range(0, len(leaves), BLOCK):
                    yield number + at // BLOCK, leaves[at : at + BLOCK], stored
                if len(rows) < _READ * BLOCK:
                    return
                number += _READ
        finally:
            await asyncio.wait([reading])

    async def _read(self, number: int, count: int) -> tuple[Sequence[asyncpg.Record], _Stored]:
        end = number + count
        rows = await rows_between(self._connection, self._journal.id, number * BLOCK + 1, end * BLOCK)
        blocks = await self._connection.fetch(_BLOCKS, self._journal.id, number, end)
        nodes = [node for block in range(number, end) for node in completed_by((BLOCK_LEVEL, block))]
        return rows, _Stored(
            {row["number"]: row for row in blocks}, await stored_nodes(self._connection, self._journal.id, nodes)
        )

    def _block(self, number: int, leaves: list[bytes], stored: _Stored) -> None:
        nodes = levels(leaves)
        self._check_checkpoints(number * BLOCK, len(leaves), nodes)
        if len(leaves) < BLOCK:
            return
        self._found.blocks += 1
        root = nodes[BLOCK_LEVEL][0]
        self._chain = chained(self._chain, root)
        completed = self._tree.add((BLOCK_LEVEL, number), root)
        self._check_block(number, leaves, root, stored.blocks.get(number))
        for (level, at), hash_ in completed if number in stored.blocks else ():
            if stored.nodes.get((level, at)) != hash_:
                self._fault(f"the node over positions {(at << level) + 1} to {(at + 1) << level} is not the entries'")

    def _check_checkpoints(self, start: int, count: int, nodes: list[list[bytes]]) -> None:
        while self._due and self._due[-1][0] <= start + count:
            size, root = self._due.pop()
            inside = [nodes[level][at] for level, at in cover(0, size - start)]
            if self._tree.root_with(inside) == root:
                self._agreed = size
            elif not self._disagreed:
                self._disagreed = True
                self._fault(
                    f"positions {self._agreed + 1} to {size} are not what was published: the first"
                    f" {size} entries have another root than the checkpoint of them"
                )

    def _check_block(self, number: int, leaves: list[bytes], root: bytes, row: asyncpg.Record | None) -> None:
        first, last = number * BLOCK + 1, (number + 1) * BLOCK
        where = f"block {number} (positions {first} to {last})"
        if row is None:
            if last <= self._newest:
                self._fault(f"{where} is not stored")
        elif row["leaves"] != b"".join(leaves):
            pairs = zip(leaves, split(row["leaves"]), strict=True)
            position = next(at for at, (ours, theirs) in enumerate(pairs, first) if ours != theirs)
            self._fault(f"position {position} in {where} is not the entry that was sealed")
        elif row["root"] != root:
            self._fault(f"{where} has another root than its entries")
        elif row["chain"] != self._chain:
            self._fault(f"{where} is not chained to the block before it")

    async def _check_end(self) -> None:
        """Nothing may stand before the first entry or past the last, and nothing may be missing there."""
        end = self._found.entries
        head = await self._connection.fetchval(_HEAD, self._journal.id)
        if self._due:
            newest = self._newest
            self._fault(f"there is no entry at position {end + 1}, but a checkpoint of {newest} entries was published")
        elif head < end:
            self._fault(f"the log has {end} entries, but its head says {head}")
        elif head > end and await self._connection.fetchval(_THERE, self._journal.id, end + 1) is None:
            self._fault(f"there is no entry at position {end + 1}, but the log's head says {head}")
        stray = await self._connection.fetchval(_STRAYS, self._journal.id)
        if stray is not None:
            self._fault(f"there is something at position {stray}, outside of the log")
        extra = await self._connection.fetchval(_EXTRA, self._journal.id)
        if extra is not None:
            self._fault(f"block {extra} is stored, but the log has no entries for it")

    def _fault(self, text: str) -> None:
        if len(self._found.faults) < _MOST:
            self._found.faults.append(text)


_BLOCKS = """
SELECT number, root, chain, leaves FROM ledger.block WHERE journal_id = $1 AND number >= $2 AND number < $3
"""
_HEAD = "SELECT position FROM ledger.journal_head WHERE journal_id = $1"
_THERE = "SELECT position FROM ledger.event WHERE journal_id = $1 AND position = $2"
# In one statement, as of one moment: entries are added while we read. What is archived was not read from the log, so
# nothing may stand there.
_STRAYS = """
WITH head AS MATERIALIZED (SELECT position, archived FROM ledger.journal_head WHERE journal_id = $1)
SELECT position FROM (
  SELECT position FROM ledger.event WHERE journal_id = $1 AND position <= (SELECT archived FROM head)
  UNION ALL SELECT position FROM ledger.event WHERE journal_id = $1 AND position > (SELECT position FROM head)
  UNION ALL SELECT position FROM ledger.transfer WHERE journal_id = $1 AND position <= (SELECT archived FROM head)
  UNION ALL SELECT position FROM ledger.transfer WHERE journal_id = $1 AND position > (SELECT position FROM head)
) AS strays ORDER BY position LIMIT 1
"""
_EXTRA = f"""
SELECT b.number FROM ledger.block b JOIN ledger.journal_head h USING (journal_id)
WHERE b.journal_id = $1 AND (b.number + 1) * {BLOCK} > h.position ORDER BY b.number LIMIT 1
"""  # noqa: S608
