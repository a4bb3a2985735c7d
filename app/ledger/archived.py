"""What of a journal's log is not at hand any more, for whoever would otherwise hand out less than there was."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import EngineConnection
from app.ledger.tables import journal_head


async def archived_until(connection: AsyncConnection, journal_ids: Sequence[int]) -> dict[int, datetime]:
    """When the last archived entry of each journal was recorded; those of which nothing is archived are absent."""
    head = journal_head.c
    query = select(head.journal_id, head.archived_recorded_at).where(head.journal_id.in_(journal_ids))
    return {row[0]: row[1] for row in await connection.execute(query.where(head.archived > 0))}


async def archived_position(connection: EngineConnection, journal_id: int) -> int:
    """The last position that is archived; 0 if none is."""
    found: int = await connection.fetchval("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    return found


def archived_note(position: int) -> str:
    """What is missing then, in words."""
    return (
        f"The log is at hand from position {position + 1:,} on: entries up to position {position:,} stand in the "
        "archive only, and are left out here."
    )
