"""PostgreSQL without an installation: the one inside a wheel, over a private Unix socket.

Several processes may use one home at once. Who comes first starts the server, who leaves last stops it.
The kernel does the counting, through file locks, so that a process killed with ``kill -9`` never counts;
the server it leaves behind is found alive and used again.

A home holds ``start.lock`` (held while starting or stopping), ``users.lock`` (held, shared, while using),
``postgres.log``, and ``cluster``, which names the folder of the database's files. Deleting the home is enough
to begin anew.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.infra.embedded_cluster import PORT, SUPERUSER, Cluster
from app.infra.embedded_install import EmbeddedServerError, Runner, files_folder, find_runner, make_home

__all__ = ["EmbeddedServerError", "Server", "point_to", "run"]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``dsn`` is the URL of its maintenance database, as its superuser."""

    dsn: str
    home: Path

    def url(self, database: str) -> str:
        """The URL of another of its databases, for asyncpg and libpq alike."""
        start, _, end = self.dsn.partition(f"/{SUPERUSER}?")
        return f"{start}/{quote(database, safe='')}?{end}"


@contextmanager
def run(home: Path, *, durable: bool = True) -> Iterator[Server]:
    """The server on ``home``, started if need be, and stopped on leaving unless another process uses it.

    ``durable=False`` lets a crash of the machine lose everything: for tests. A server that runs already keeps
    the settings it was started with. Blocks while it starts and stops: not for use inside an event loop.
    Raises ``EmbeddedServerError``, with the end of the server's log.
    """
    runner = find_runner()
    home = home.resolve()
    make_home(home, runner)
    with _open_lock(home / "users.lock") as users:
        with _starting(home):
            fcntl.flock(users, fcntl.LOCK_SH)
            cluster = _open_cluster(home, runner, durable=durable)
            try:
                cluster.start(durable=durable)
            except BaseException:  # Ctrl-C as well: leave no server behind
                if _is_last(users):
                    cluster.stop()
                raise
        try:
            place = f"host={quote(str(cluster.sockets))}&port={PORT}"
            yield Server(f"postgresql://{SUPERUSER}@/{SUPERUSER}?{place}", home)
        finally:
            with _starting(home):
                if _is_last(users):
                    cluster.stop()


@contextmanager
def _starting(home: Path) -> Iterator[None]:
    """Nobody else starts or stops this home's server meanwhile."""
    with _open_lock(home / "start.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    """A file to lock. Closing it, and so the end of the process in any way, releases the lock."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _is_last(users: int) -> bool:
    """Whether no other process holds the lock. Ours is lost in asking."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_cluster(home: Path, runner: Runner, *, durable: bool) -> Cluster:
    """The home's cluster, made if there is none yet.

    Its name is fresh each time: should a server still run on a home that was deleted, its files and its
    socket are not the new one's. ``cluster`` is written last: without it, what lies there is unfinished or
    orphaned.
    """
    log = home / "postgres.log"
    pointer = home / "cluster"
    if pointer.exists():
        return Cluster(home / pointer.read_text().strip(), runner, log)
    files = files_folder(home, runner)
    for leftover in files.glob("pg-*"):
        Cluster(leftover, runner, log).stop()
        shutil.rmtree(leftover, ignore_errors=True)  # a killed process's initdb may still be writing there
    cluster = Cluster(files / f"pg-{secrets.token_hex(6)}", runner, log)
    cluster.create(durable=durable)
    point_to(home, files, cluster)
    return cluster


def point_to(home: Path, files: Path, cluster: Cluster) -> None:
    """From now on this cluster is the home's; ``files`` is the folder that it lies in."""
    draft = home / "cluster.draft"
    # Below the home the name is relative, so that the home can be moved.
    draft.write_text(f"{cluster.folder.name if files == home else cluster.folder}\n")
    draft.rename(home / "cluster")
