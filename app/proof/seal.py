"""Seals one journal: checks the log against what was published, stores blocks, signs, and publishes.

A checkpoint is claimed by its place: only one can follow another (``previous_size`` is unique). A process that signed
and slept inserts nothing any more, and what isn't in the table is never published. Whoever comes next publishes what
is in the table and isn't published yet; that is harmless to do twice.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.infra.database import EngineConnection
from app.ledger.types import Journal
from app.proof.blocks import store_blocks
from app.proof.checkpoint import FIRST, Checkpoint, issued_under, open_checkpoint, origin_of
from app.proof.keys import KeyRing
from app.proof.log import LogDamaged
from app.proof.nodes import root_at
from app.proof.note import NoteInvalid
from app.proof.publisher import AlreadyPublished, Publisher


class Contradiction(Exception):
    """The log is not the one that was signed before. Nothing more is signed until a person has looked."""


@dataclass(frozen=True, slots=True)
class Seals:
    """What sealing needs beside the database: the keys, where checkpoints go, and under what name."""

    keys: KeyRing
    publisher: Publisher
    base: str

    def origin(self, journal: Journal) -> str:
        return origin_of(self.base, journal)


async def seal(connection: EngineConnection, seals: Seals, journal: Journal, now: datetime) -> int | None:
    """Bring the journal's checkpoints up to its newest entry; answers the size of a new one, if one was due.

    Raises ``Contradiction`` when the log doesn't begin with what was published, and then nothing was signed.
    """
    try:
        return await _seal(connection, seals, journal, now)
    except (LogDamaged, NoteInvalid, AlreadyPublished) as error:
        raise Contradiction(str(error)) from error


async def _seal(connection: EngineConnection, seals: Seals, journal: Journal, now: datetime) -> int | None:
    last = await _last_published(connection, seals, journal)
    last = await _publish_waiting(connection, seals, journal, last, now)
    before = await _follows(connection, seals, journal, last)
    head: int = await connection.fetchval(_HEAD, journal.id)
    if before is None or head <= before:
        return None
    await store_blocks(connection, journal.id, head)
    root = await root_at(connection, journal.id, head)
    made = Checkpoint(seals.origin(journal), head, root, now, last.hash if last else FIRST)
    note = seals.keys.signer(made.origin).sign(made.text)
    if not await _claim(connection, journal, made, note, before):
        return None  # another process was faster: the next one is its to follow
    await _publish(connection, seals, journal, made, note, now)
    return head


async def _last_published(connection: EngineConnection, seals: Seals, journal: Journal) -> Checkpoint | None:
    """What we are bound to: the newest checkpoint that the publisher has, once the log was found to begin with it."""
    origin = seals.origin(journal)
    # Asked first, as another sealer may publish meanwhile: the publisher had taken that one by then.
    told = await published_under(connection, journal.id, origin)
    newest = await asyncio.to_thread(seals.publisher.newest, origin)
    if (newest or 0) < told:
        raise Contradiction(f"a checkpoint of {told} entries was published, and the publisher has it no more")
    if newest is None:
        return None
    note = await asyncio.to_thread(seals.publisher.read, origin, newest)
    found = open_checkpoint(note, seals.keys.verifiers(origin))
    await _agree(connection, journal, found, "published")
    return found


async def published_under(connection: EngineConnection, journal_id: int, origin: str) -> int:
    """How many entries the newest checkpoint covers that was published under this name, says the database."""
    told: int | None = await connection.fetchval(_TOLD, journal_id, origin)
    return told or 0


async def _follows(connection: EngineConnection, seals: Seals, journal: Journal, last: Checkpoint | None) -> int | None:
    """After which size the next checkpoint comes: that of our last one; of the first under our name, that of the last
    one under a name of before. None when another process has just made it."""
    row = await connection.fetchrow(_NEWEST, journal.id)
    if row is None:
        return last.size if last else 0
    size: int = row["size"]
    name = issued_under(row["note"])
    if last is None:
        return None if name == seals.origin(journal) else size
    if name != seals.origin(journal) and size > last.size:
        message = f"the checkpoint of {size} entries was made under another name, {name}"
        raise Contradiction(f"{message}: this one can't be taken up again")
    return last.size


async def _publish_waiting(
    connection: EngineConnection, seals: Seals, journal: Journal, last: Checkpoint | None, now: datetime
) -> Checkpoint | None:
    """Publish what was signed and then left, in order; answers the newest."""
    for row in await connection.fetch(_WAITING, journal.id, last.size if last else 0):
        if issued_under(row["note"]) != seals.origin(journal):
            continue  # the name was changed before it was published: it never will be
        found = open_checkpoint(row["note"], seals.keys.verifiers(seals.origin(journal)))
        if found.size != row["size"]:
            raise Contradiction(f"what stands as the checkpoint at {row['size']} is the one at {found.size}")
        await _agree(connection, journal, found, "signed")
        if last is None or found.size > last.size:
            if found.previous != (last.hash if last else FIRST):
                raise Contradiction(f"the checkpoint at {found.size} does not follow the one that was published last")
            last = found
        await _publish(connection, seals, journal, found, row["note"], now)
    return last


async def _agree(connection: EngineConnection, journal: Journal, found: Checkpoint, how: str) -> None:
    head: int = await connection.fetchval(_HEAD, journal.id)
    if head < found.size:
        raise Contradiction(f"a checkpoint of {found.size} entries was {how}, but the log has {head}")
    if await root_at(connection, journal.id, found.size) != found.root:
        raise Contradiction(f"the first {found.size} entries of the log are not those of the checkpoint {how} of them")


async def _claim(
    connection: EngineConnection, journal: Journal, made: Checkpoint, note: str, previous_size: int
) -> bool:
    try:
        await connection.execute(_CLAIM, journal.id, made.size, previous_size, made.root, made.at, note)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _publish(
    connection: EngineConnection, seals: Seals, journal: Journal, made: Checkpoint, note: str, now: datetime
) -> None:
    await asyncio.to_thread(seals.publisher.publish, made.origin, made.size, note)
    await connection.execute(_PUBLISHED, journal.id, made.size, now)


_TOLD = """
SELECT p.size FROM ledger.publication p JOIN ledger.checkpoint c ON c.journal_id = p.journal_id AND c.size = p.size
WHERE p.journal_id = $1 AND split_part(c.note, E'\\n', 1) = $2 ORDER BY p.size DESC LIMIT 1
"""
_HEAD = "SELECT position FROM ledger.journal_head WHERE journal_id = $1"
#: Not before the last that was published: whoever published it had seen to all before it.
_WAITING = """
SELECT c.size, c.note FROM ledger.checkpoint c WHERE c.journal_id = $1 AND c.size >= $2
  AND NOT EXISTS (SELECT 1 FROM ledger.publication p WHERE p.journal_id = c.journal_id AND p.size = c.size)
ORDER BY c.size
"""
_NEWEST = "SELECT size, note FROM ledger.checkpoint WHERE journal_id = $1 ORDER BY size DESC LIMIT 1"
_CLAIM = "SELECT ledger.add_checkpoint($1, $2, $3, $4, $5, $6)"
_PUBLISHED = "SELECT ledger.mark_published($1, $2, $3)"
