"""``wealthgraph replay``: journals, or one account, added up again from the log alone, on every core."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from uuid import UUID

import asyncpg

from app.infra.database import ENGINE_ROLE, EngineConnection, one_moment
from app.ledger.adding_up import Stretch
from app.ledger.books import journal_of, journals
from app.ledger.contradictions import events_contradict
from app.ledger.replay import Replayed, bounds, compare, read_stretch, replay, stands_at
from resolvers.ids import uuid_in

#: Positions that one process adds up at a time: a journal that has no more is not worth a second process.
PART = 200_000

Progress = Callable[[int, int], None]
"""Told how many positions of how many are done."""


async def replay_all(
    url: str,
    account: str | None,
    tenant: UUID | None,
    say: Callable[[str], None],
    *,
    from_snapshots: bool = False,
    processes: int | None = None,
    progress: Progress = lambda done, of: None,
) -> bool:
    """Replay and report; true if the log and the books agree.

    Raises ``LookupError`` for an account or a tenant that is not there.
    """
    agree = True
    async with _connected(url) as connection:
        for journal_id, book in await _asked(connection, account, tenant):
            started = time.perf_counter()
            if book is None:
                found = await replay_journal(url, journal_id, processes or os.cpu_count() or 1, progress)
            else:
                found = await replay(connection, journal_id, book, from_snapshots=from_snapshots)
            seconds = time.perf_counter() - started
            where = f"Journal {journal_id}" + ("" if book is None else f", book {book}")
            say(f"{where}: {found.entries:,} entries of {found.accounts:,} ledger accounts in {seconds:.1f} s.")
            say(f"  {'The log and every balance agree.' if found.disagreement is None else found.disagreement}")
            agree = agree and found.disagreement is None
    return agree


async def replay_journal(url: str, journal_id: int, processes: int, progress: Progress) -> Replayed:
    """A journal as of one moment: its parts are added up side by side, then each must follow from the one before."""
    async with _connected(url) as connection, one_moment(connection):
        archived, head = await bounds(connection, journal_id)
        moment: str = await connection.fetchval("SELECT pg_export_snapshot()")
        edges = list(pairwise([*range(archived, head, PART), head]))
        whole = Stretch()
        with _workers(min(processes, len(edges))) as submit:
            parts = [submit(url, moment, journal_id, after, to) for after, to in edges]
            for part, (_, to) in zip(parts, edges, strict=True):
                found = await asyncio.wrap_future(part)
                unknown = found.opening.keys() - whole.closing.keys()
                whole.closing |= await stands_at(connection, journal_id, unknown, archived)
                found.follow(whole)
                whole = found
                progress(to - archived, head - archived)
        disagreement = whole.disagreement or await compare(connection, journal_id, whole)
        return Replayed(whole.entries, len(whole.closing), disagreement)


Submit = Callable[[str, str, int, int, int], "Future[Stretch]"]


@contextmanager
def _workers(processes: int) -> Iterator[Submit]:
    with ProcessPoolExecutor(max(processes, 1), multiprocessing.get_context("spawn")) as pool:
        yield lambda *part: pool.submit(_part, *part)


def _part(url: str, moment: str, journal_id: int, after: int, to: int) -> Stretch:
    """What one process does: add up a part of the log as of the moment that all of them see."""

    async def work() -> Stretch:
        async with (
            _connected(url) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
            found = await read_stretch(connection, journal_id, after, to)
            wrong = await events_contradict(connection, journal_id, after, to)
            found.disagreement = found.disagreement or wrong
            found.snapshots.clear()
            return found

    return asyncio.run(work())


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[EngineConnection]:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        yield connection
    finally:
        await connection.close()


async def _asked(
    connection: EngineConnection, account: str | None, tenant: UUID | None
) -> list[tuple[int, int | None]]:
    if account is not None:
        row = await connection.fetchrow(
            "SELECT journal_id, book_id FROM account WHERE id = $1", uuid_in(account, "Account")
        )
        if row is None:
            raise LookupError(f"there is no account {account}")
        return [(row["journal_id"], row["book_id"])]
    if tenant is not None:
        return [((await journal_of(connection, tenant)).id, None)]
    return [(journal.id, None) for journal in await journals(connection)]
