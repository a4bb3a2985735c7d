"""One process of several that read the log: ``python -m app.ledger.reader``.

It is told on its input what to read, and answers with what each part adds up to. A process of its own, and not one of
``multiprocessing``, which would load everything that the command had loaded, the whole server among it, once more.
"""

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import asyncpg

from app.ledger.adding_up import Stretch
from app.ledger.reading import read_stretch

#: Each core has a process: more threads in each are in each other's way.
_ENVIRONMENT: Final = {"POLARS_MAX_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Task:
    """Which journal to read, and as of which moment: an exported snapshot."""

    url: str
    role: str
    moment: str
    journal_id: int


class ReaderLost(Exception):
    """A process that read the log has ended before its time."""


class Reader:
    """A process that reads parts of the log, one after the other."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def read(self, after: int, to: int) -> Stretch:
        """What the positions past ``after`` up to ``to`` add up to. Blocks until it is there."""
        assert self._process.stdout is not None
        try:
            self.tell((after, to))
            found: Stretch = pickle.load(self._process.stdout)  # noqa: S301  from our own process
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):  # it may end in the middle of its answer
            raise ReaderLost("a process that reads the log has failed: see what it said") from None
        return found

    def tell(self, what: object) -> None:
        """Hand something to the process."""
        assert self._process.stdin is not None
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()


@contextmanager
def reader(task: Task) -> Iterator[Reader]:
    """Start a process that reads; on leaving it is stopped, whatever it is at."""
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-m", "app.ledger.reader"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | path | _ENVIRONMENT
    ) as process:
        try:
            found = Reader(process)
            found.tell(task)
            yield found
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # what it was not told any more
                process.communicate()


def main() -> None:
    """Read what is asked for until nothing more is. That the database, or who asks, was lost is said in a line."""
    try:
        _answer()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.stderr.write(f"A process that reads the log has ended: {error}\n")
        os._exit(1)  # what is left of an answer could not be written either


def _answer() -> None:
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301
    with asyncio.Runner() as runner:
        connection = runner.run(_connect(task))
        while asked := _next():
            pickle.dump(runner.run(read_stretch(connection, task.journal_id, *asked)), sys.stdout.buffer)
            sys.stdout.flush()


async def _connect(task: Task) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(task.url, server_settings={"role": task.role})
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    await connection.execute(f"SET TRANSACTION SNAPSHOT '{task.moment}'")
    return connection


def _next() -> tuple[int, int] | None:
    try:
        found: tuple[int, int] = pickle.load(sys.stdin.buffer)  # noqa: S301
    except EOFError:
        return None
    return found


if __name__ == "__main__":
    main()
