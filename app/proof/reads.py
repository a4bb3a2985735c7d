"""Reads of blocks and checkpoints for the API. Row-level security bounds them to the tenant."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.paging import Page, PageOf, page_from
from app.proof.nodes import BLOCK
from app.proof.tables import block, checkpoint, publication
from app.proof.types import LogBlock, PublishedCheckpoint


async def checkpoints(connection: AsyncConnection, journal_id: int, asked: PageOf[int]) -> Page[PublishedCheckpoint]:
    """A journal's published checkpoints, newest first, keyed by size."""
    query = _published().where(checkpoint.c.journal_id == journal_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(checkpoint.c.size < asked.after)
    if asked.before is not None:
        query = query.where(checkpoint.c.size > asked.before)
    query = query.order_by(checkpoint.c.size.asc() if asked.backward else checkpoint.c.size.desc())
    return page_from([PublishedCheckpoint(*row) for row in await connection.execute(query)], asked)


async def checkpoints_at(
    connection: AsyncConnection, journal_id: int, sizes: Sequence[int]
) -> dict[int, PublishedCheckpoint]:
    """Published checkpoints by size; what was not published is absent."""
    query = _published().where(checkpoint.c.journal_id == journal_id, checkpoint.c.size.in_(sizes))
    return {row.size: PublishedCheckpoint(*row) for row in await connection.execute(query)}


async def newest_checkpoint(connection: AsyncConnection, journal_id: int) -> PublishedCheckpoint | None:
    """The journal's newest published checkpoint."""
    found = (await checkpoints(connection, journal_id, PageOf(1))).items
    return found[0] if found else None


async def blocks_at(connection: AsyncConnection, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], LogBlock]:
    """By journal and position: the block that holds the entry. Those of blocks that are not full yet are absent."""
    places = {key: (key[0], (key[1] - 1) // BLOCK) for key in keys}
    query = select(block.c.journal_id, block.c.number, block.c.root, block.c.chain).where(
        tuple_(block.c.journal_id, block.c.number).in_(set(places.values()))
    )
    found = {(row[0], row[1]): LogBlock(*row[1:]) for row in await connection.execute(query)}
    return {key: found[place] for key, place in places.items() if place in found}


def _published() -> Select[Any]:
    same = (publication.c.journal_id == checkpoint.c.journal_id) & (publication.c.size == checkpoint.c.size)
    return select(
        checkpoint.c.journal_id,
        checkpoint.c.size,
        checkpoint.c.root,
        checkpoint.c.made_at,
        publication.c.published_at,
        checkpoint.c.note,
    ).join(publication, same)
