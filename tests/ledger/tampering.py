"""How the tests tamper with the books, and ask who should notice."""

import asyncpg

from app.kernel.clock import ManualClock
from app.ledger.audit import prove, restart
from app.ledger.replay import replay
from tests.ledger.books import NOON, Books

CLOCK = ManualClock(NOON)
AAPL = 2


async def tamper(url: str, *statements: str) -> None:
    """What a superuser does with every trigger off."""
    superuser = await asyncpg.connect(url)
    try:
        for table in ("event", "transfer", "snapshot"):
            await superuser.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER")
        for statement in statements:
            await superuser.execute(statement)
    finally:
        await superuser.close()


async def audited(log: Books, *, again: bool) -> str | None:
    """What the auditor says now, or when it begins again."""
    if again:
        await restart(log.connection, log.journal.id, NOON)
    return (await prove(log.connection, log.journal, CLOCK)).disagreement


async def replayed(log: Books) -> str | None:
    return (await replay(log.connection, log.journal.id)).disagreement
