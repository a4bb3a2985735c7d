"""Old partitions taken out of the log, of whatever size and whether or not a checkpoint covers them."""

from datetime import datetime
from pathlib import Path

import asyncpg

from app.ledger.archive.parts import open_store
from app.ledger.archive.write import detach, oldest_partition, write_partition


async def take_out(url: str, journal_id: int, folder: Path, before: datetime) -> None:
    """Archive and drop every partition that was recorded before that time and is proven."""
    superuser = await asyncpg.connect(url)
    store = open_store(str(folder))
    try:
        while found := await oldest_partition(superuser, journal_id, before):
            await detach(superuser, await write_partition(superuser, store, journal_id, *found), drop=True)
    finally:
        await superuser.close()
