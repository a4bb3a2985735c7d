"""``wealthgraph replay``: journals, or one account, added up again from the log alone, on every core."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from queue import SimpleQueue
from uuid import UUID

import asyncpg

from app.infra.database import ENGINE_ROLE, EngineConnection, one_moment
from app.ledger.adding_up import Stretch
from app.ledger.books import journal_of, journals
from app.ledger.reader import Reader, Task, reader
from app.ledger.reading import read_stretch
from app.ledger.replay import Replayed, bounds, compare, replay, stands_at
from app.ledger.story import Story
from resolvers.ids import uuid_in

#: Positions that one process adds up at a time: a journal that has no more is not worth a second process.
PART = 200_000

Edge = tuple[int, int]
"""A part of the log: the positions past the one up to the other."""

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
        edges = list(pairwise([*range(archived, head, PART), head]))
        whole, processes = Stretch(story=Story()), min(processes, len(edges))
        with ExitStack() as working:
            if processes > 1:
                moment: str = await connection.fetchval("SELECT pg_export_snapshot()")
                task = Task(url, ENGINE_ROLE, moment, journal_id)
                parts = working.enter_context(_on_processes(processes, task, edges))
            else:
                parts = (read_stretch(connection, journal_id, *edge) for edge in edges)
            for part, (_, to) in zip(parts, edges, strict=True):
                found = await part
                unknown = found.opening.keys() - whole.closing.keys()
                whole.closing |= await stands_at(connection, journal_id, unknown, archived)
                whole.go_on_with(found)
                progress(to - archived, head - archived)
        disagreement = whole.disagreement or await compare(connection, journal_id, whole)
        return Replayed(whole.entries, len(whole.closing), disagreement)


@contextmanager
def _on_processes(processes: int, task: Task, edges: list[Edge]) -> Iterator[Iterator[Awaitable[Stretch]]]:
    """The parts of the log in their order, read by several processes; each has a thread here that waits for it."""
    idle: SimpleQueue[Reader] = SimpleQueue()

    def read(edge: Edge) -> Stretch:
        one = idle.get()
        try:
            return one.read(*edge)
        finally:
            idle.put(one)

    with ThreadPoolExecutor(processes) as pool, ExitStack() as readers:
        for _ in range(processes):
            idle.put(readers.enter_context(reader(task)))
        parts = [pool.submit(read, edge) for edge in edges]
        try:
            yield map(asyncio.wrap_future, parts)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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
