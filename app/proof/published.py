"""Every published checkpoint of a log, as its publisher has it, checked and compared with what the database has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from typing import Final

from app.infra.database import EngineConnection
from app.ledger.types import Journal
from app.proof.checkpoint import FIRST, Checkpoint, issued_under, open_checkpoint
from app.proof.note import NoteInvalid
from app.proof.publisher import Publisher
from app.proof.seal import Seals, published_under

#: Checkpoints that are read at once.
_READ: Final = 1_000


async def read_published(
    connection: EngineConnection, seals: Seals, journal: Journal, fault: Callable[[str], None]
) -> list[tuple[int, bytes]]:
    """The size and the root of each, in ascending order; those that are none of ours are left out.

    ``fault`` hears of one that we did not sign, that does not follow the one before it, or that the database doesn't
    have as it was published.
    """
    origin = seals.origin(journal)
    keys = seals.keys.verifiers(origin)
    # Asked first, as the sealer may publish meanwhile.
    told = await published_under(connection, journal.id, origin)
    published = await asyncio.to_thread(seals.publisher.sizes, origin)
    found: list[tuple[int, bytes]] = []
    previous = FIRST
    for start in range(0, len(published), _READ):
        sizes = published[start : start + _READ]
        notes = await asyncio.to_thread(_read_all, seals.publisher, origin, sizes)
        stored = {row["size"]: row["note"] for row in await connection.fetch(_NOTES, journal.id, sizes)}
        for size, note in zip(sizes, notes, strict=True):
            try:
                checkpoint = open_checkpoint(note, keys)
            except NoteInvalid as error:
                fault(f"the checkpoint published at {size}: {error}")
                continue
            for text in _faults_of(checkpoint, size, previous, same=stored.get(size) == note):
                fault(text)
            if checkpoint.size == size:
                found.append((size, checkpoint.root))
                previous = checkpoint.hash
    newest = published[-1] if published else 0
    if told > newest:
        fault(f"the checkpoint of {told} entries was published, and the publisher has it no more")
    # What was signed and not published yet is newer than all that was.
    rows = await connection.fetch(_SIZES, journal.id, newest, origin)
    for size in sorted({row["size"] for row in rows} - set(published)):
        fault(f"the database has a checkpoint at {size} that was never published")
    async for size in _unlike_under_other_names(connection, seals, journal):
        fault(f"the checkpoint at {size}, under another name, is not in the database as it was published")
    return found


async def _unlike_under_other_names(connection: EngineConnection, seals: Seals, journal: Journal) -> AsyncIterator[int]:
    """The sizes of those, issued before the name was changed, that the publisher does not have as the database has."""
    there: dict[str, set[int]] = {}
    after = 0
    while rows := await connection.fetch(_OTHER_NAMES, journal.id, seals.origin(journal), after, _READ):
        for name in {issued_under(row["note"]) for row in rows} - there.keys():
            there[name] = set(await asyncio.to_thread(seals.publisher.sizes, name))
        notes = {row["size"]: row["note"] for row in rows}
        for size in await asyncio.to_thread(_unlike, seals.publisher, notes, there):
            yield size
        after = rows[-1]["size"]


async def newest_published(seals: Seals, journal: Journal) -> Checkpoint | None:
    """The newest checkpoint, as its publisher has it. Raises ``NoteInvalid`` for one that we did not sign."""
    origin = seals.origin(journal)
    size = await asyncio.to_thread(seals.publisher.newest, origin)
    if size is None:
        return None
    return open_checkpoint(await asyncio.to_thread(seals.publisher.read, origin, size), seals.keys.verifiers(origin))


async def published_size(connection: EngineConnection, journal_id: int) -> int:
    """How many entries the newest published checkpoint covers, says the database."""
    size: int | None = await connection.fetchval(
        "SELECT max(size) FROM ledger.publication WHERE journal_id = $1", journal_id
    )
    return size or 0


def _faults_of(found: Checkpoint, size: int, previous: bytes, *, same: bool) -> list[str]:
    if found.size != size:
        return [f"what is published as the checkpoint at {size} is the one at {found.size}"]
    faults = []
    if found.previous != previous:
        faults.append(f"the checkpoint published at {size} does not follow the one published before it")
    if not same:
        faults.append(f"the checkpoint at {size} is not in the database as it was published")
    return faults


def _read_all(publisher: Publisher, origin: str, sizes: Sequence[int]) -> list[str]:
    return [publisher.read(origin, size) for size in sizes]


def _unlike(publisher: Publisher, notes: Mapping[int, str], there: Mapping[str, Set[int]]) -> list[int]:
    return [
        size
        for size, note in notes.items()
        if size not in there[issued_under(note)] or publisher.read(issued_under(note), size) != note
    ]


_NOTES = "SELECT size, note FROM ledger.checkpoint WHERE journal_id = $1 AND size = ANY ($2)"
_SIZES = """
SELECT size FROM ledger.checkpoint WHERE journal_id = $1 AND size <= $2 AND split_part(note, E'\\n', 1) = $3
"""
#: What was issued before the name was changed, and published.
_OTHER_NAMES = """
SELECT c.size, c.note FROM ledger.checkpoint c JOIN ledger.publication p USING (journal_id, size)
WHERE c.journal_id = $1 AND split_part(c.note, E'\\n', 1) <> $2 AND c.size > $3 ORDER BY c.size LIMIT $4
"""
