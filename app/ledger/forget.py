"""Answers to requests with a key are forgotten after a time; the key is a new one then, and the request done anew."""

from datetime import datetime, timedelta
from typing import Final

from app.infra.database import EngineConnection

#: For how long an answer is kept, unless it is set otherwise. The database keeps each for a day at least.
KEPT_FOR: Final = timedelta(days=30)
#: So many are forgotten in one statement, and so many statements are run in one look.
CHUNK: Final = 5_000
CHUNKS: Final = 20


async def forget_answers(connection: EngineConnection, journal_id: int, before: datetime) -> int:
    """Forget what was kept before a time, a bounded number; answers how many. Each chunk is a commit of its own."""
    forgotten = 0
    for _ in range(CHUNKS):
        found: int = await connection.fetchval("SELECT ledger.forget_answers($1, $2, $3)", journal_id, before, CHUNK)
        forgotten += found
        if found < CHUNK:
            break
    return forgotten
