"""A journal with a few customers, for the tests of the ledger."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from app.infra.database import ENGINE_ROLE, EngineConnection
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import BookKind
from app.ledger.post import post
from app.ledger.types import Entry, Journal, Leg, Posted, Refused

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Books:
    """A journal, some customers' books and a connection as the engine."""

    connection: EngineConnection
    journal: Journal
    customers: list[int]

    async def post(self, *entries: Sequence[Leg], book: int | None = None) -> list[Posted | Refused]:
        """Post entries as events of ``book`` (the first customer's)."""
        event = NewEvent(book or self.customers[0], EventType.DEPOSIT, "test", NOON)
        return await post(self.connection, self.journal.id, NOON, NOON, [Entry(event, legs) for legs in entries])


@asynccontextmanager
async def books(url: str, customers: int = 3) -> AsyncIterator[Books]:
    """Fresh books in the database at ``url``."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        await connection.execute("SELECT ledger.add_assets('{2}', '{AAPL}', 'instrument')")
        journal = await open_tenant(connection, f"tenant {new_id()}", NOON)
        made = await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(customers)])
        yield Books(connection, journal, made)
    finally:
        await connection.close()
