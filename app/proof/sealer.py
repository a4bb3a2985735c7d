"""The sealer: makes a checkpoint of each journal every minute, or at a thousand entries, if there is anything new.

Any number of processes may run one. ``run_due`` does what is due at the clock's time, so tests drive it step by step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import asyncpg
import structlog

from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.ledger.books import journals
from app.ledger.types import Journal
from app.proof.seal import Contradiction, Seals, seal

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(minutes=1)
AT_ENTRIES: Final = 1_000
#: How often (seconds) it is looked whether a checkpoint is due.
LOOK_AGAIN: Final = 1.0

#: Tells a person that a journal's log contradicts what was signed, and how.
Alarm: TypeAlias = Callable[[Journal, str], Awaitable[None]]


class Sealer:
    """One per process."""

    def __init__(self, pool: EnginePool, seals: Seals, *, clock: Clock, alarm: Alarm) -> None:
        self._pool = pool
        self._seals = seals
        self._clock = clock
        self._alarm = alarm
        self._told: dict[int, str] = {}

    async def run(self) -> None:
        """Work until cancelled. A failure is logged and tried again: what is due is found in the database."""
        while True:
            try:
                await self.run_due()
            except Exception as error:  # noqa: BLE001  nothing that befalls the sealer may stop the server
                log.warning("sealing failed; it is tried again", error=repr(error))
            await asyncio.sleep(LOOK_AGAIN)

    async def run_due(self) -> None:
        """Seal every journal of which a checkpoint is due."""
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            due = {row["journal_id"] for row in await connection.fetch(_STATES) if _is_due(row, now)}
            found = [journal for journal in await journals(connection) if journal.id in due] if due else []
        failures = []
        for journal in found:
            try:
                await self._seal(journal, now)
            except Exception as error:  # noqa: BLE001  one tenant's trouble is not the next one's
                failures.append(error)
        if failures:
            raise ExceptionGroup("some journals could not be sealed", failures)

    async def _seal(self, journal: Journal, now: datetime) -> None:
        try:
            async with self._pool.acquire() as connection:
                await seal(connection, self._seals, journal, now)
            self._told.pop(journal.id, None)
        except Contradiction as contradiction:
            message = str(contradiction)
            log.error("THE LOG CONTRADICTS ITS CHECKPOINTS; nothing is signed", journal=journal.id, why=message)
            if self._told.get(journal.id) != message:
                await self._alarm(journal, message)
                self._told[journal.id] = message


def _is_due(row: asyncpg.Record, now: datetime) -> bool:
    if row["size"] is None:
        return bool(row["position"])
    new: int = row["position"] - row["size"]
    if row["waiting"]:
        return True
    # Fewer entries than were signed for is no reason to wait.
    return new < 0 or new >= AT_ENTRIES or bool(new > 0 and now - row["made_at"] >= EVERY)


_STATES = """
SELECT h.journal_id, h.position, c.size, c.made_at,
  NOT EXISTS (SELECT 1 FROM ledger.publication p WHERE p.journal_id = h.journal_id AND p.size = c.size) AS waiting
FROM ledger.journal_head h LEFT JOIN LATERAL (
  SELECT size, made_at FROM ledger.checkpoint WHERE journal_id = h.journal_id ORDER BY size DESC LIMIT 1) AS c ON true
"""
