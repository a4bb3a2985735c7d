"""Reads the log out of the database, a bounded part at a time, and adds it up again.

It is added up in a thread: the auditor works beside callers, who would have to wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from app.ledger.adding_up import Stretch
from app.ledger.story import Story

if TYPE_CHECKING:  # a process that only reads starts in half of the time without it
    from app.infra.database import EngineConnection

#: So many positions' events are read, then their transfers.
_POSITIONS: Final = 100_000
#: Bytes of transfers that are added up at a time: some 100,000.
_AT_A_TIME = 10_000_000
#: The database sends 8 kB at a time. To wake up for each costs more than to read it, so some are left to gather.
_GATHER: Final = 0.001


async def read_stretch(connection: "EngineConnection", journal_id: int, after: int, to: int) -> Stretch:
    """Add up the positions past ``after`` up to ``to``, and see that their events follow from each other."""
    story = await _story_until(connection, journal_id, after)
    found = Stretch(story=story)
    for start in range(after, to, _POSITIONS):
        part = (journal_id, start, min(start + _POSITIONS, to))
        events = bytearray()

        async def take(data: bytes, events: bytearray = events) -> None:
            events.extend(data)

        await _copy(connection, _EVENTS, part, take, format="binary")
        await asyncio.to_thread(story.read, bytes(events))
        await _add_up(connection, found, f"{_TRANSFERS} {_IN_ORDER}", part)
    story.end(to)
    return found


async def read_account(connection: "EngineConnection", journal_id: int, account: int, after: int, to: int) -> Stretch:
    """Add up one account's entries past ``after`` up to ``to``."""
    found = Stretch(account, account)
    await _add_up(connection, found, _TRANSFERS_OF_ACCOUNT, (journal_id, after, to, account))
    return found


async def _story_until(connection: "EngineConnection", journal_id: int, position: int) -> Story:
    """What the clocks stood at: the event there says it, or the journal's head, of what is archived."""
    row = await connection.fetchrow(_CLOCKS, journal_id, position)
    if row is None:
        raise LookupError(f"there is no journal {journal_id}")
    recorded_at, effective_at = (int.from_bytes(row[name], signed=True) for name in ("recorded_at", "effective_at"))
    return Story(position, recorded_at, effective_at, cut=row["cut"])


async def _add_up(connection: "EngineConnection", found: Stretch, query: str, arguments: tuple[int, ...]) -> None:
    read = bytearray()

    async def take(data: bytes) -> None:
        read.extend(data)
        if len(read) > _AT_A_TIME:
            end = read.rindex(b"\n") + 1
            await asyncio.to_thread(found.read, bytes(read[:end]))
            del read[:end]

    await _copy(connection, query, arguments, take)
    await asyncio.to_thread(found.read, bytes(read))


async def _copy(
    connection: "EngineConnection",
    query: str,
    arguments: tuple[int, ...],
    take: Callable[[bytes], Awaitable[None]],
    **options: Any,
) -> None:
    stopped: list[BaseException] = []

    async def output(data: bytes) -> None:
        # Raised in here, the driver would wait for ever, or give up the connection: what is left is read to its end.
        if stopped:
            return
        try:
            await take(data)
            await asyncio.sleep(_GATHER)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            stopped.append(error)

    await connection.copy_from_query(query, *arguments, output=output, **options)
    if stopped:
        raise stopped[0]


_CLOCKS = """
SELECT h.archived > 0 AS cut, timestamptz_send(coalesce(e.recorded_at, h.archived_recorded_at)) AS recorded_at,
       timestamptz_send(coalesce(e.latest_effective_at, h.archived_effective_at)) AS effective_at
FROM ledger.journal_head h LEFT JOIN ledger.event e ON e.journal_id = $1 AND e.position = $2 WHERE h.journal_id = $1
"""
_EVENTS = """
SELECT position, book_id, sequence, recorded_at, effective_at, latest_effective_at, lateness
FROM ledger.event WHERE journal_id = $1 AND position > $2 AND position <= $3 ORDER BY position
"""
#: Figures are read without their point: all must have 8 decimals. While their columns say so, the casts are left out.
_TRANSFERS = """
SELECT position, leg, lateness, debit_account_id, debit_sequence, debit_balance::numeric(38, 8),
       credit_account_id, credit_sequence, credit_balance::numeric(38, 8), amount::numeric(38, 8)
FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3
"""
_IN_ORDER = "ORDER BY position, leg"
#: No transfer has one account on both sides; each side has its index.
_TRANSFERS_OF_ACCOUNT = (
    f"{_TRANSFERS} AND debit_account_id = $4 UNION ALL {_TRANSFERS} AND credit_account_id = $4 {_IN_ORDER}"
)
