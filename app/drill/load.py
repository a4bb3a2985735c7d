"""Many callers who deposit through the group commit, and write down when they asked and when they were answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Final
from uuid import UUID

import asyncpg

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.infra.database import engine_pool
from app.kernel.clock import Clock
from app.kernel.errors import OutcomeUnknown
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import BookKind
from app.ledger.commit import GroupCommit
from app.ledger.idempotency import idempotency_key
from app.ledger.types import Journal

CALLER: Final = "drill"
_CUSTOMERS: Final = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A deposit that was asked for, under its idempotency key."""

    asked_at: datetime
    answered_at: datetime | None = None


@dataclass(slots=True)
class Load:
    """Callers at work. What they know is all that a customer could know."""

    commits: GroupCommit
    books: list[int]
    clock: Clock
    requests: dict[UUID, Request] = field(default_factory=dict)

    async def caller(self, number: int) -> None:
        """Deposit a dollar again and again, until the database is lost."""
        for turn in count(number):
            key = new_id()
            asked_at = self.clock.now()
            self.requests[key] = Request(asked_at)
            command = CashMovement(self.books[turn % len(self.books)], UNIT, CALLER)
            try:
                await self.commits.submit(deposit, command, idempotency_key(CALLER, key, "deposit", {"amount": UNIT}))
            except OutcomeUnknown:
                return  # nobody was told that it happened; it may have
            self.requests[key] = Request(asked_at, self.clock.now())

    @property
    def acknowledged(self) -> dict[UUID, datetime]:
        """What callers were told is done, and when."""
        return {key: each.answered_at for key, each in self.requests.items() if each.answered_at is not None}


@asynccontextmanager
async def posting(url: str, callers: int, clock: Clock) -> AsyncIterator[Load]:
    """So many callers at work on the (migrated) database at ``url``; leave the block once the database is lost."""
    pool = await engine_pool(url, 2)
    try:
        async with pool.acquire() as connection:
            journal: Journal = await open_tenant(connection, "Drill", clock.now())
            references = [new_id() for _ in range(_CUSTOMERS)]
            books = await open_books(connection, journal.id, BookKind.CUSTOMER, references)
        commits = GroupCommit(pool, journal, clock=clock, market_clock=clock, ring=lambda *_: None)
        writer = asyncio.create_task(commits.run())
        load = Load(commits, books, clock)
        tasks = [asyncio.create_task(load.caller(number)) for number in range(callers)]
        try:
            yield load
        finally:
            _, late = await asyncio.wait(tasks, timeout=10)
            for task in (*late, writer):
                task.cancel()
            await asyncio.gather(*tasks, writer, return_exceptions=True)
    finally:
        pool.terminate()


async def kept(url: str) -> set[UUID]:
    """The keys of the deposits that a database knows."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT key FROM ledger.idempotency WHERE caller = $1", CALLER)
    finally:
        await connection.close()
    return {row["key"] for row in rows}
