"""Writers and PostgreSQL killed in the middle of commits, under load, while the log is sealed: what was acknowledged is
there, once, and the chain verifies.

``KILLS=50 KILL_SEED=7 pytest tests/ledger/test_kills.py`` kills more often.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random

import asyncpg
import pytest

from app.infra import embedded, migrate
from app.infra.database import ENGINE_ROLE
from app.kernel.clock import ManualClock
from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.chart import USD, Kind, address
from app.ledger.replay import replay
from app.ledger.types import Journal, Leg
from app.proof.verify import verify
from tests.ledger.books import NOON, books
from tests.ledger.kill_writer import LOST, seals_in

KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("KILL_SEED", "11"))
WRITERS = 2


@pytest.mark.timeout(120 + 15 * KILLS)
def test_what_was_acknowledged_is_there_once_whatever_is_killed(home: Path, tmp_path: Path) -> None:
    """Writers die as often as the whole server does; each time all of it must add up before it goes on."""
    random = Random(SEED)
    journal = None
    for number in range(KILLS):
        with embedded.run(home) as server:  # durable, as in earnest; this also brings back one that was killed
            url = server.dsn
            if journal is None:
                asyncio.run(migrate.upgrade(url))
                journal = asyncio.run(_open(url))
            victim = random.choice(["a writer", "the server"])
            asyncio.run(_post_until_killed(url, journal, random, tmp_path, number, victim, home))
        with embedded.run(home) as server:
            asyncio.run(_check(server.dsn, journal, tmp_path, home))


async def _open(url: str) -> Journal:
    async with books(url, customers=8) as found:
        bank = address(found.journal.outside, USD, Kind.FBO)
        await found.post(*([Leg(bank, address(book, USD, Kind.SETTLED), 1_000 * UNIT)] for book in found.customers))
        return found.journal


async def _post_until_killed(
    url: str, journal: Journal, random: Random, folder: Path, number: int, victim: str, home: Path
) -> None:
    files = [folder / f"{number}-{writer}" for writer in range(WRITERS)]
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.ledger.kill_writer"),
            *(url, str(journal.tenant_id), str(1000 * number + writer), str(file), str(home)),
        )
        for writer, file in enumerate(files)
    ]
    enough = random.randint(200, 1_500)
    while _lines(files) < enough or not all(_lines([file]) for file in files):
        assert all(writer.returncode is None for writer in writers), "a writer failed by itself"
        await asyncio.sleep(random.random() / 50)
    if victim == "a writer":
        writers[0].kill()
        assert await writers[0].wait() == -signal.SIGKILL
        at_least = _lines(files) + 100
        while _lines(files) < at_least:  # the other one goes on
            await asyncio.sleep(0.01)
        writers[1].kill()
        await writers[1].wait()
    else:
        os.kill(_server(home), signal.SIGKILL)
        assert [await writer.wait() for writer in writers] == [LOST] * WRITERS


def _lines(files: list[Path]) -> int:
    """How many answers were written down so far."""
    return sum(file.read_bytes().count(b"\n") for file in files if file.exists())


def _server(home: Path) -> int:
    [pid_file] = home.rglob("postmaster.pid")
    return int(pid_file.read_text().split()[0])


def _acknowledged(folder: Path) -> list[list[str]]:
    """Keys and answers that callers have written down; a last line may be cut off."""
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines(keepends=True)]
    return [line.split() for line in lines if line.endswith("\n")]


async def _check(url: str, journal: Journal, folder: Path, home: Path) -> None:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        acknowledged = _acknowledged(folder)
        done = {key: id_ for key, id_ in acknowledged if id_ != "refused"}
        kept = {str(row["key"]): row["answer"] for row in await connection.fetch("SELECT * FROM ledger.idempotency")}
        assert {key: kept.get(key) for key in done} == done, "what was acknowledged is kept under its key"
        assert not {key for key, id_ in acknowledged if id_ == "refused"} & kept.keys()
        events = await connection.fetch(
            "SELECT correlation::text AS id, count(*) AS times FROM ledger.event WHERE type = 'WITHDRAWAL' GROUP BY 1"
        )
        assert {row["id"] for row in events} == set(kept.values()), "what is kept was posted, and nothing else"
        assert {row["times"] for row in events} <= {1}
        assert (await replay(connection, journal.id)).disagreement is None
        while (found := await prove(connection, journal, ManualClock(NOON))).position < found.head:
            assert found.disagreement is None
        verified = await verify(connection, seals_in(home), journal)
        assert verified.faults == []
        assert verified.checkpoints > 0
        held = await connection.fetchval("SELECT sum(balance) FROM ledger.account WHERE kind = $1", Kind.HELD)
        assert (held or 0) == 0
    finally:
        await connection.close()
