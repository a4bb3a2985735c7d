"""A journal of some blocks that was sealed as it grew, as a template database; and a superuser who changes it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.types import Account
from app.infra.database import ENGINE_ROLE, EngineConnection, api_engine, reading
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.books import journal_of
from app.ledger.types import Entry, Journal
from app.market.types import Side
from app.proof.history import history
from app.proof.publisher import FilePublisher
from app.proof.reads import newest_checkpoint
from app.proof.seal import Seals
from app.proof.verify import Verified, verify
from tests.proof.publishing import new_seals
from tests.proof.trees import VERIFIER
from tests.world import World, running


@dataclass(frozen=True)
class Sealed:
    """Ann has entries in two full blocks, in the last one that is sealed, and one past the last checkpoint."""

    seals: Seals
    journal: Journal
    ann: Account
    sizes: list[int]

    @property
    def keys(self) -> list[str]:
        return [str(key) for key in self.seals.keys.verifiers(self.seals.origin(self.journal))]

    def check(self, what: str, file: Path) -> tuple[int, str]:
        """What the stand-alone verifier says of a file: a program of its own that knows nothing of us."""
        return check(what, file, self.keys)

    async def verify(self, url: str) -> Verified:
        async with engine(url) as connection:
            return await verify(connection, self.seals, self.journal)

    async def history(self, url: str, file: Path) -> Path:
        """Ann's history as the database has it."""
        api = api_engine(url, 1)
        try:
            async with reading(api, self.journal.tenant_id) as connection:
                newest = await newest_checkpoint(connection, self.journal.id)
                assert newest is not None
                lines = [line async for line in history(connection, newest, self.ann.id, self.ann.book_id)]
        finally:
            await api.dispose()
        return written(file, lines)


def written(file: Path, lines: Sequence[str]) -> Path:
    """The file, with these lines in it."""
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def check(what: str, file: Path, keys: Sequence[str]) -> tuple[int, str]:
    """The verifier's exit code and what it says."""
    arguments = [sys.executable, "-I", str(VERIFIER), what, str(file), *(f"--key={key}" for key in keys)]
    found = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[EngineConnection]:
    """A connection as the engine."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        yield connection
    finally:
        await connection.close()


async def build(url: str, folder: Path) -> Sealed:
    """Let it all happen."""
    seals = new_seals(FilePublisher(folder))
    async with running(url) as world:
        world.seals = seals
        ann = await world.investor(1_000)
        sizes = [await sealed(world)]
        await fill_up(world, 1_030)
        await pay_in(world, ann)
        await world.place(ann, Side.BUY, "AAPL", amount="100.00")
        await world.pass_time(200)
        await fill_up(world, 100)
        sizes.append(await sealed(world))
        await fill_up(world, 1_000)
        await pay_in(world, ann)
        await world.place(ann, Side.SELL, "AAPL", everything=True)
        await world.pass_time(200)
        sizes.append(await sealed(world))
        await world.place(ann, Side.BUY, "KO", amount="10.00")
        return Sealed(seals, world.commits.journal, ann, sizes)


async def sealed(world: World) -> int:
    size = await world.seal()
    assert size is not None
    return size


async def pay_in(world: World, account: Account) -> None:
    """An entry of several transfers."""
    await world.commits.submit(deposit, CashMovement(account.book_id, 5 * UNIT, "test"))


async def fill_up(world: World, entries: int) -> None:
    """Entries of nobody in particular."""

    async def post_many(batch: Batch, commands: Sequence[int]) -> list[int]:
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", batch.effective_at, data={"about": "x"})
        await batch.post_facts([Entry(event)] * entries)
        return list(commands)

    await world.commits.submit(post_many, 1)


@asynccontextmanager
async def attacking(url: str) -> AsyncIterator[EngineConnection]:
    """A superuser for whom no trigger and no foreign key counts."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for table in ("event", "transfer", "block", "tree_node", "checkpoint", "publication"):
            await connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL")
        yield connection
    finally:
        await connection.close()


async def positions_of(url: str, sealed: Sealed) -> list[int]:
    """Where Ann's entries stand."""
    async with engine(url) as connection:
        query = "SELECT position FROM ledger.event WHERE book_id = $1 ORDER BY position"
        return [row["position"] for row in await connection.fetch(query, sealed.ann.book_id)]


def built(url: str, folder: Path) -> Sealed:
    """Build it, outside of any event loop."""
    return asyncio.run(build(url, folder))


async def journal_in(url: str, sealed: Sealed) -> Journal:
    async with engine(url) as connection:
        return await journal_of(connection, sealed.journal.tenant_id)
