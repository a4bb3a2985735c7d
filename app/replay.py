"""``wealthgraph replay``: every journal, or one account, added up again from the log alone."""

import time
from collections.abc import Callable

import asyncpg

from app.infra.database import ENGINE_ROLE
from app.ledger.books import journals
from app.ledger.replay import replay
from resolvers.ids import uuid_in


async def replay_all(url: str, account: str | None, say: Callable[[str], None]) -> bool:
    """Replay and report; true if the log and the books agree. Raises ``LookupError`` for an unknown account."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        if account is None:
            asked: list[tuple[int, int | None]] = [(journal.id, None) for journal in await journals(connection)]
        else:
            row = await connection.fetchrow(
                "SELECT journal_id, book_id FROM account WHERE id = $1", uuid_in(account, "Account")
            )
            if row is None:
                raise LookupError(f"there is no account {account}")
            asked = [(row["journal_id"], row["book_id"])]
        agree = True
        for journal_id, book in asked:
            started = time.perf_counter()
            found = await replay(connection, journal_id, book)
            seconds = time.perf_counter() - started
            where = f"Journal {journal_id}" + ("" if book is None else f", book {book}")
            say(f"{where}: {found.transfers:,} transfers over {found.accounts:,} ledger accounts in {seconds:.1f} s.")
            say(
                "  The log and every balance agree."
                if found.disagreement is None
                else f"  DISAGREEMENT: {found.disagreement}"
            )
            agree = agree and found.disagreement is None
        return agree
    finally:
        await connection.close()
