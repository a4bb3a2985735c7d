"""A durable embedded PostgreSQL with an empty, migrated database, thrown away afterwards."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from app.infra import embedded, migrate

DATABASE = "benchmark"

#: Megabytes of log that a server has written before it is measured, to use their files again.
_WRITTEN_BEFORE = 1_500


@contextmanager
def stage(*, settled: bool = False) -> Iterator[tuple[embedded.Server, str]]:
    """The server and the URL of the database. Commits are flushed to disk, as in earnest.

    A ``settled`` server is one that has been at work for a while: it has files of its write-ahead log to use again. A
    new one makes each and fills it with zeros, in the middle of somebody's commit.
    """
    with tempfile.TemporaryDirectory(prefix="wealthgraph-bench-") as folder:
        Path(folder).chmod(0o711)
        with embedded.run(Path(folder) / "postgres", durable=True) as server:
            asyncio.run(_create(server))
            asyncio.run(migrate.upgrade(server.url(DATABASE)))
            if settled:
                asyncio.run(_settle(server))
            yield server, server.url(DATABASE)


async def _create(server: embedded.Server) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()


async def _settle(server: embedded.Server) -> None:
    connection = await asyncpg.connect(server.dsn)
    for _ in range(_WRITTEN_BEFORE):
        await connection.execute("SELECT pg_logical_emit_message(false, '', repeat(' ', 1000000))")
    await connection.execute("CHECKPOINT")
    await connection.close()
