"""``wealthgraph general-ledger``, ``reconcile`` and ``export-account``: the firm's books from the command line."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

import asyncpg

from app.accounting.bookkeeper import asset_codes
from app.accounting.export_account import export_account
from app.accounting.general_ledger import Between, archived_of, ledger_lines
from app.accounting.general_ledger_csv import write_csv
from app.accounting.reconcile import Reconcile, reconcile
from app.accounting.rows import reconciliation_from
from app.accounting.statement import read_statement
from app.accounting.types import Reconciliation
from app.infra.database import ENGINE_ROLE, EngineConnection, EnginePool, engine_pool
from app.kernel.clock import SystemClock
from app.ledger.archived import archived_note
from app.ledger.books import journals
from app.ledger.commit import GroupCommit
from app.ledger.types import Journal
from app.market import clock as market_clock
from resolvers.ids import uuid_in

#: How the books name who works at the command line.
ACTOR = "command line"


async def write_general_ledger(
    url: str,
    tenant: UUID | None,
    between: Between,
    out: IO[str],
    told: Callable[[int], None],
    warn: Callable[[str], None],
) -> int:
    """Write the general ledger as CSV; answers how many lines, and warns if some are archived.

    Raises ``LookupError`` if no tenant is meant.
    """
    async with _connected(url) as connection:
        journal = await _journal(connection, tenant)
        archived = await archived_of(connection.fetch, journal.id, between)
        count = await write_csv(ledger_lines(connection.fetch, journal.id, between), out, told, archived)
        # More may have been archived while it was written.
        if archived := await archived_of(connection.fetch, journal.id, between):
            warn(archived_note(archived))
        return count


async def reconcile_file(url: str, tenant: UUID | None, text: str, source: str, speed: int) -> Reconciliation:
    """Compare our books with a file. Raises a ``Refusal`` for a bad one, ``LookupError`` if no tenant is meant."""
    pool = await engine_pool(url, 2)
    try:
        async with pool.acquire() as connection:
            journal = await _journal(connection, tenant)
        statement = read_statement(text, source, await asset_codes(pool))
        async with _writer(pool, journal, speed) as commits:
            made = await commits.submit(reconcile, Reconcile(statement, ACTOR))
        row = await pool.fetchrow("SELECT * FROM reconciliation WHERE id = $1", made)
        assert row is not None, "it was committed just now"
        return reconciliation_from(row)
    finally:
        await pool.close()


async def write_account(
    url: str,
    account: str,
    archive: zipfile.ZipFile,
    told: Callable[[str, int], None],
    warn: Callable[[str], None],
) -> None:
    """Write everything of an account; warns if entries are archived.

    Raises ``LookupError`` for an unknown one, ``ValueError`` for what is no id.
    """
    async with _connected(url) as connection:
        await export_account(connection, uuid_in(account, "Account"), archive, SystemClock().now(), told, warn)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file that appears under its name once it is complete. Raises ``FileExistsError`` if something is there."""
    if path.exists():
        raise FileExistsError(f"{path} is there already; name another file")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[EngineConnection]:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        yield connection
    finally:
        await connection.close()


async def _journal(connection: EngineConnection, tenant: UUID | None) -> Journal:
    found = [each for each in await journals(connection) if tenant in (None, each.tenant_id)]
    if len(found) != 1:
        names = ", ".join(str(each.tenant_id) for each in await journals(connection)) or "none"
        raise LookupError(f"name one tenant with --tenant; there are: {names}")
    return found[0]


@asynccontextmanager
async def _writer(pool: EnginePool, journal: Journal, speed: int) -> AsyncIterator[GroupCommit]:
    """A writer for a command or two. Nobody is rung: who listens looks again by themselves before long."""
    clock = SystemClock()
    async with pool.acquire() as connection:
        market_time = await market_clock.resume(connection, clock, speed=speed)
    commits = GroupCommit(pool, journal, clock=clock, market_clock=market_time, ring=lambda *_: None)
    running = asyncio.create_task(commits.run())
    try:
        yield commits
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
