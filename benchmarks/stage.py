"""A durable embedded PostgreSQL with an empty, migrated database, thrown away afterwards."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from app.infra import embedded, migrate

DATABASE = "benchmark"


@contextmanager
def stage() -> Iterator[tuple[embedded.Server, str]]:
    """The server and the URL of the database. Commits are flushed to disk, as in earnest."""
    with tempfile.TemporaryDirectory(prefix="wealthgraph-bench-") as folder:
        Path(folder).chmod(0o711)
        with embedded.run(Path(folder) / "postgres", durable=True) as server:
            asyncio.run(_create(server))
            asyncio.run(migrate.upgrade(server.url(DATABASE)))
            yield server, server.url(DATABASE)


async def _create(server: embedded.Server) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()
