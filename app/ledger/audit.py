"""The auditor: adds the log up again as it grows, beside everything else, and says how far it agreed.

What it has checked is *proven*; each 1,000 entries of an account it leaves a snapshot. Any number of processes may run
one: who was slower than another finds that out when it records, and nothing is recorded twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from app.infra.database import EngineConnection, EnginePool
from app.kernel.clock import Clock
from app.kernel.money import to_decimal, to_units
from app.ledger.adding_up import Snapshot, Stretch
from app.ledger.books import journals
from app.ledger.replay import bounds, clocks_contradict, read_stretch, rows_contradict, stands_at
from app.ledger.types import Journal

log = structlog.get_logger(__name__)

#: One look adds up so many positions at most.
PART: Final = 20_000
#: Seconds until the auditor looks again when there was nothing to do.
LOOK_AGAIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Proven:
    """How far the log is proven. ``disagreement`` says what is wrong after that, if something is."""

    position: int
    head: int
    disagreement: str | None


async def prove(connection: EngineConnection, journal: Journal, clock: Clock) -> Proven:
    """Add up the next part of a journal and record how far it agreed; what disagreed once is not looked at again."""
    row = await connection.fetchrow("SELECT proven, disagreement FROM ledger.audit WHERE journal_id = $1", journal.id)
    assert row is not None, f"journal {journal.id} was opened without an audit"
    start: int = row["proven"]
    if row["disagreement"] is not None:
        return Proven(start, start, row["disagreement"])
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        _, head = await bounds(connection, journal.id)
        end = min(head, start + PART)
        if end == start:
            return Proven(start, head, None)
        found, wrong = await _add_up(connection, journal.id, start, end, newest=end == head)
    snapshots = [] if wrong else found.snapshots
    recorded = await connection.fetchval(
        "SELECT ledger.record_audit($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        journal.id,
        start,
        start if wrong else end,
        clock.now(),
        wrong,
        [each.account for each in snapshots],
        [each.position for each in snapshots],
        [each.sequence for each in snapshots],
        [to_decimal(each.balance) for each in snapshots],
    )
    return Proven(end if recorded and not wrong else start, head, wrong)


async def restart(connection: EngineConnection, journal_id: int, at: datetime) -> None:
    """Have a journal proven again from where its log begins."""
    await connection.execute("SELECT ledger.restart_audit($1, $2)", journal_id, at)


async def _add_up(
    connection: EngineConnection, journal_id: int, start: int, end: int, *, newest: bool
) -> tuple[Stretch, str | None]:
    found = await read_stretch(connection, journal_id, start, end)
    before = await stands_at(connection, journal_id, found.opening, start)
    wrong = found.contradiction(before) or found.disagreement
    wrong = wrong or await clocks_contradict(connection, journal_id, start, end)
    wrong = wrong or await _snapshots_contradict(connection, journal_id, start, end, found.snapshots)
    if newest:
        wrong = wrong or await rows_contradict(connection, found)
    return found, wrong


async def _snapshots_contradict(
    connection: EngineConnection, journal_id: int, start: int, end: int, found: list[Snapshot]
) -> str | None:
    """Snapshots that are there already, from an audit before, must say the same."""
    rows = await connection.fetch(
        "SELECT account_id, position, sequence, balance FROM ledger.snapshot"
        " WHERE journal_id = $1 AND position > $2 AND position <= $3 AND sequence % 1000 = 0",
        journal_id,
        start,
        end,
    )
    kept = {Snapshot(account, position, sequence, to_units(balance)) for account, position, sequence, balance in rows}
    wrong = kept - set(found)
    return f"a snapshot does not agree with the log: {min(wrong, key=lambda each: each.position)}" if wrong else None


class Auditor:
    """Audits every journal for ever. ``alarm`` is told once of what disagrees."""

    def __init__(self, pool: EnginePool, clock: Clock, alarm: Callable[[Journal, str], Awaitable[None]]) -> None:
        self._pool = pool
        self._clock = clock
        self._alarm = alarm
        self._alarmed: set[int] = set()

    async def run(self) -> None:
        """Keep up with the log until cancelled. A failure, of the alarm too, is logged and tried again."""
        while True:
            try:
                more = await self.look()
            except Exception:
                log.exception("the audit was interrupted")
                more = False
            await asyncio.sleep(0 if more else LOOK_AGAIN)

    async def look(self) -> bool:
        """Prove a part of each journal; true if there is more to do."""
        more = False
        async with self._pool.acquire() as connection:
            for journal in await journals(connection):
                found = await prove(connection, journal, self._clock)
                if found.disagreement is None:
                    self._alarmed.discard(journal.id)
                    more = more or found.position < found.head
                elif journal.id not in self._alarmed:
                    log.error("the log does not add up", journal=journal.id, disagreement=found.disagreement)
                    await self._alarm(journal, found.disagreement)
                    self._alarmed.add(journal.id)
        return more
