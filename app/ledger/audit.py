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

from app.infra.database import EngineConnection, EnginePool, one_moment
from app.kernel.clock import Clock
from app.kernel.money import to_decimal
from app.ledger.adding_up import Stretch
from app.ledger.books import journals
from app.ledger.contradictions import head_contradicts, rows_contradict, snapshots_contradict, unknown_book
from app.ledger.reading import read_stretch
from app.ledger.replay import bounds, ends_at, stands_at
from app.ledger.types import Journal

log = structlog.get_logger(__name__)

#: One look adds up so many positions at most: what comes of it is looked through on the event loop.
PART: Final = 5_000
#: And compares so many accounts' rows, once it has caught up.
ROWS: Final = 200
#: Seconds until the auditor looks again when there was nothing to do.
LOOK_AGAIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Proven:
    """How far the log is proven. ``disagreement`` says what is wrong after that, if something is.

    ``compared`` is the last account whose row was compared with it; -1 when it was the last there is.
    """

    position: int
    head: int
    disagreement: str | None
    compared: int


async def prove(connection: EngineConnection, journal: Journal, clock: Clock, past: int = -1) -> Proven:
    """Add up the next part of a journal and record how far it agreed; what disagreed once is not looked at again.

    Once all of it is added up, some accounts' rows are compared with the log as well: those past the account ``past``.
    """
    row = await connection.fetchrow("SELECT proven, disagreement FROM ledger.audit WHERE journal_id = $1", journal.id)
    if row is None:
        return Proven(0, 0, "what the auditor had found of the journal was deleted", past)
    start: int = row["proven"]
    if row["disagreement"] is not None:
        return Proven(start, start, row["disagreement"], past)
    found, compared = Stretch(), past
    async with one_moment(connection):
        _, head = await bounds(connection, journal.id)
        if start > head:
            return Proven(start, head, f"position {start} is said to be proven, and the log ends at {head}", past)
        end = min(head, start + PART)
        wrong = None
        if end > start:
            found, wrong = await _add_up(connection, journal.id, start, end)
        if end == head:
            accounts = await _some_accounts(connection, journal.id, past)
            compared = max(accounts, default=-1)
            wrong = wrong or await _rows(connection, journal.id, head, {*accounts, *found.closing})
    if end == start and wrong is None:
        return Proven(start, head, None, compared)
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
    return Proven(end if recorded and not wrong else start, head, wrong, compared)


async def _some_accounts(connection: EngineConnection, journal_id: int, past: int) -> list[int]:
    rows = await connection.fetch(
        "SELECT id FROM ledger.account WHERE journal_id = $1 AND id > $2 ORDER BY id LIMIT $3", journal_id, past, ROWS
    )
    return [row["id"] for row in rows]


async def _rows(connection: EngineConnection, journal_id: int, head: int, accounts: set[int]) -> str | None:
    stands = await stands_at(connection, journal_id, accounts, head)
    return await head_contradicts(connection, journal_id) or await rows_contradict(
        connection, journal_id, stands, list(accounts)
    )


async def restart(connection: EngineConnection, journal_id: int, at: datetime) -> None:
    """Have a journal proven again from where its log begins."""
    await connection.execute("SELECT ledger.restart_audit($1, $2)", journal_id, at)


async def _add_up(connection: EngineConnection, journal_id: int, start: int, end: int) -> tuple[Stretch, str | None]:
    found = await read_stretch(connection, journal_id, start, end)
    before = await stands_at(connection, journal_id, found.opening, start)
    ends = await ends_at(connection, journal_id, found.story.opening if found.story else {}, start)
    wrong = found.contradiction(before, ends)
    wrong = wrong or await unknown_book(connection, journal_id, found.story.closing if found.story else ())
    wrong = wrong or await snapshots_contradict(connection, journal_id, start, end, found.snapshots)
    return found, wrong


class Auditor:
    """Audits every journal for ever. ``alarm`` is told once of what disagrees."""

    def __init__(self, pool: EnginePool, clock: Clock, alarm: Callable[[Journal, str], Awaitable[None]]) -> None:
        self._pool = pool
        self._clock = clock
        self._alarm = alarm
        self._alarmed: set[int] = set()
        self._compared: dict[int, int] = {}

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
        """Prove a part of each journal; true if there is more to do. One tenant's trouble is not the next one's."""
        more, failures = False, []
        async with self._pool.acquire() as connection:
            for journal in await journals(connection):
                try:
                    more = await self._look_at(connection, journal) or more
                except Exception as error:  # noqa: BLE001  raised below
                    failures.append(error)
        if failures:
            raise ExceptionGroup("some journals could not be audited", failures)
        return more

    async def _look_at(self, connection: EngineConnection, journal: Journal) -> bool:
        found = await prove(connection, journal, self._clock, self._compared.get(journal.id, -1))
        self._compared[journal.id] = found.compared
        if found.disagreement is None:
            self._alarmed.discard(journal.id)
            return found.position < found.head
        if journal.id not in self._alarmed:
            log.error("the log does not add up", journal=journal.id, disagreement=found.disagreement)
            await self._alarm(journal, found.disagreement)
            self._alarmed.add(journal.id)
        return False
