"""The writers of all journals in this process: one group commit per tenant, started when first asked for."""

import asyncio
from uuid import UUID

from app.infra.database import EnginePool
from app.infra.hub import Hub
from app.kernel.clock import Clock
from app.ledger.books import journal_of, journals
from app.ledger.commit import GroupCommit
from app.ledger.types import Journal


def stream_of_book(book: int) -> str:
    """The hub's name for one book's events."""
    return f"book:{book}"


def stream_of_journal(journal_id: int) -> str:
    """The hub's name for all events of a journal."""
    return f"journal:{journal_id}"


class Writers:
    """Hands out each tenant's writer. ``tasks`` outlives them and stops them."""

    def __init__(
        self, pool: EnginePool, hub: Hub, tasks: asyncio.TaskGroup, *, clock: Clock, market_clock: Clock
    ) -> None:
        self._pool = pool
        self._hub = hub
        self._tasks = tasks
        self._clock = clock
        self._market_clock = market_clock
        self._by_tenant: dict[UUID, GroupCommit] = {}
        self._by_journal: dict[int, GroupCommit] = {}
        self._running: list[asyncio.Task[None]] = []

    async def of(self, tenant_id: UUID) -> GroupCommit:
        """The tenant's writer. Raises ``LookupError`` for a tenant that has no journal."""
        if tenant_id not in self._by_tenant:
            async with self._pool.acquire() as connection:
                journal = await journal_of(connection, tenant_id)
            self._start(journal)
        return self._by_tenant[tenant_id]

    async def all(self) -> list[GroupCommit]:
        """Every tenant's writer, of tenants that came since the last call too."""
        async with self._pool.acquire() as connection:
            for journal in await journals(connection):
                self._start(journal)
        return list(self._by_journal.values())

    def of_journal(self, journal_id: int) -> GroupCommit:
        """A writer that ``of`` or ``all`` has handed out before."""
        return self._by_journal[journal_id]

    def stop(self) -> None:
        """Stop taking batches; a batch under way is finished."""
        for task in self._running:
            task.cancel()

    def _start(self, journal: Journal) -> None:
        if journal.id in self._by_journal:
            return
        writer = GroupCommit(self._pool, journal, clock=self._clock, market_clock=self._market_clock, ring=self._ring)
        self._by_tenant[journal.tenant_id] = self._by_journal[journal.id] = writer
        self._running.append(self._tasks.create_task(writer.run(), name=f"writer of journal {journal.id}"))

    def _ring(self, journal: Journal, books: set[int]) -> None:
        self._hub.ring([stream_of_journal(journal.id), *map(stream_of_book, books)])
