"""The embedded server's promises, kept by real processes that leave politely, or are killed."""

import asyncio
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.infra import embedded
from app.infra.embedded_cluster import Cluster
from app.infra.embedded_install import ROOTS_FOLDER, find_runner

PROGRAM = """
import sys
from pathlib import Path
from app.infra import embedded

with embedded.run(Path(sys.argv[1])) as server:
    try:
        print(server.dsn, flush=True)
        sys.stdin.readline()
    except KeyboardInterrupt:
        print("draining", flush=True)
        sys.stdin.readline()
"""


class User:
    """A process of its own that uses the server on a home until it is told to leave."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
            env=os.environ | {"PGPORT": "1", "PGDATA": "/nowhere", "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leave(self) -> int:
        self.process.communicate("\n")
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(home: Path) -> Iterator[Callable[[], User]]:
    """Starts a user of the home. Whoever has not left by the end of the test leaves then."""
    users: list[User] = []

    def start() -> User:
        users.append(User(home))
        return users[-1]

    yield start
    for user in users:
        if user.process.returncode is None:
            user.leave()


def ask(dsn: str, *statements: str) -> Any:
    """What the last of the statements says."""

    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(ask())


def cluster(home: Path) -> Cluster:
    folder = home / (home / "cluster").read_text().strip()
    return Cluster(folder, find_runner(), home / "postgres.log")


def pid_of(home: Path) -> int:
    pid = cluster(home).server()
    assert pid is not None
    return pid


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        time.sleep(0.01)


def test_a_fresh_home_gets_a_private_server_that_stops_at_the_end(home: Path) -> None:
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT current_setting('server_version_num')::int / 10000") == 18
        assert ask(server.dsn, "SELECT upper('é') || pg_size_pretty(0::bigint)") == "É0 bytes"
        assert ask(server.dsn, "SHOW server_encoding") == "UTF8"
        assert ask(server.dsn, "SHOW listen_addresses") == ""
        assert ask(server.dsn, "SHOW fsync") == "on"
        assert ask(server.dsn, "SHOW synchronous_commit") == "on"
        assert ask(server.dsn, "SHOW timezone") == "UTC"
        assert stat.S_IMODE(cluster(home).sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(cluster(home).data.stat().st_mode) == 0o700
    assert cluster(home).server() is None
    assert not cluster(home).answers()


def test_urls_name_other_databases(home: Path) -> None:
    with embedded.run(home, durable=False) as server:
        ask(server.dsn, 'CREATE DATABASE "odd/ näme?"')
        assert ask(server.url("odd/ näme?"), "SELECT current_database()") == "odd/ näme?"
        assert ask(server.dsn, "SHOW fsync") == "off"


def test_a_restart_keeps_the_data(home: Path) -> None:
    with embedded.run(home) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = pid_of(home)
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
        assert pid_of(home) != first


def test_processes_share_a_server_until_the_last_leaves(home: Path, start: Callable[[], User]) -> None:
    first, second = start(), start()  # both at once, on a home that does not exist yet
    dsn = first.read()
    assert second.read() == dsn
    pid = pid_of(home)

    assert first.leave() == 0
    assert pid_of(home) == pid
    assert ask(dsn, "SELECT 1") == 1

    assert second.leave() == 0
    assert cluster(home).server() is None


def test_one_process_may_use_a_home_twice(home: Path) -> None:
    with embedded.run(home) as outer:
        with embedded.run(home) as inner:
            assert inner == outer
        assert ask(outer.dsn, "SELECT 1") == 1
    assert cluster(home).server() is None


def test_a_killed_user_leaves_a_server_to_use_and_does_not_count(home: Path, start: Callable[[], User]) -> None:
    user = start()
    dsn = user.read()
    ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = pid_of(home)
    user.kill()

    with embedded.run(home) as server:
        assert pid_of(home) == pid
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
    assert cluster(home).server() is None


def test_a_killed_server_recovers_what_was_committed(home: Path, start: Callable[[], User]) -> None:
    user = start()
    dsn = user.read()
    ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(pid_of(home), signal.SIGKILL)
    wait_until(lambda: cluster(home).server() is None)

    with embedded.run(home) as server:
        assert server.dsn == dsn  # so that whoever used it before can connect again
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
        assert user.leave() == 0
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
    assert cluster(home).server() is None


def test_both_killed_at_once_recover_as_well(home: Path, start: Callable[[], User]) -> None:
    user = start()
    ask(user.read(), "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = pid_of(home)
    user.kill()
    os.kill(pid, signal.SIGKILL)
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42


def test_a_server_that_a_killed_process_had_just_begun_to_start_is_used(home: Path) -> None:
    with embedded.run(home) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    for _ in range(5):
        begun = cluster(home)._spawn(durable=True)
        with embedded.run(home) as server:
            assert ask(server.dsn, "SELECT answer FROM kept") == 42
        assert cluster(home).server() is None
        wait_until(lambda pid=begun: not cluster(home)._is_server(pid))  # type: ignore[misc]


@pytest.mark.parametrize("content", ["{pid}\n{rest}", "{pid}", "", "no number\n{rest}"])
def test_a_stale_pid_file_is_not_mistaken_for_a_server(home: Path, content: str) -> None:
    with embedded.run(home) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        pid_file = cluster(home).data / "postmaster.pid"
        rest = pid_file.read_text().partition("\n")[2]
        lock_file = cluster(home).sockets / ".s.PGSQL.5432.lock"
    user = find_runner().user
    bystander = subprocess.Popen(["sleep", "60"], user=user.pw_uid if user else None)
    pid_file.write_text(content.format(pid=bystander.pid, rest=rest))
    lock_file.write_text(f"{bystander.pid}\n{rest}")
    for file in (pid_file, lock_file):
        os.chown(file, find_runner().uid, -1)
    try:
        assert cluster(home).server() is None
        with embedded.run(home) as server:
            assert ask(server.dsn, "SELECT answer FROM kept") == 42
        assert cluster(home).server() is None
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_ctrl_c_reaches_the_user_and_not_the_server(home: Path, start: Callable[[], User]) -> None:
    user = start()
    dsn = user.read()
    os.killpg(user.process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert user.read() == "draining"
    assert ask(dsn, "SELECT 1") == 1
    assert user.leave() == 0
    assert cluster(home).server() is None


def test_a_deleted_home_begins_anew_though_its_server_still_runs(home: Path, start: Callable[[], User]) -> None:
    user = start()
    ask(user.read(), "CREATE TABLE kept AS SELECT 42 AS answer")
    orphan = pid_of(home)
    user.kill()
    shutil.rmtree(home)
    try:
        with embedded.run(home) as server:
            assert pid_of(home) != orphan
            assert ask(server.dsn, "SELECT to_regclass('kept')") is None
            os.kill(orphan, signal.SIGINT)
            wait_until(lambda: not _runs(orphan))
            assert ask(server.dsn, "SELECT 1") == 1
    finally:
        if _runs(orphan):
            os.kill(orphan, signal.SIGKILL)


def test_an_unfinished_cluster_is_made_again(home: Path) -> None:
    with embedded.run(home, durable=False):
        unfinished = cluster(home).folder
    (home / "cluster").unlink()
    with embedded.run(home, durable=False) as server:
        assert ask(server.dsn, "SELECT 1") == 1
        assert not unfinished.exists()


def test_a_home_with_a_long_path_keeps_its_socket_elsewhere(home: Path) -> None:
    with embedded.run(home / ("long " * 20 + "päth"), durable=False) as server:
        assert ask(server.dsn, "SELECT 1") == 1
        sockets = cluster(server.home).sockets
        assert not sockets.is_relative_to(server.home)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    shutil.rmtree(sockets)


def test_a_moved_home_keeps_the_data(home: Path) -> None:
    with embedded.run(home) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    moved = home.rename(home.with_name("moved"))
    with embedded.run(moved) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42


def test_an_error_shows_the_end_of_the_log(home: Path) -> None:
    with embedded.run(home, durable=False):
        version = cluster(home).data / "PG_VERSION"
    version.write_text("9\n")
    message = r"(?s)PostgreSQL in .* does not start\. The end of .*postgres\.log:.*not compatible"
    with pytest.raises(embedded.EmbeddedServerError, match=message), embedded.run(home):
        pass
    version.write_text("18\n")
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT 1") == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root has folders that the server's user cannot enter")
def test_a_private_home_of_roots_keeps_its_files_elsewhere(home: Path) -> None:
    home.parent.chmod(0o700)
    with embedded.run(home) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        elsewhere = cluster(home).folder
        assert re.fullmatch(rf"{ROOTS_FOLDER}/[0-9a-f]{{16}}/pg-[0-9a-f]{{12}}", str(elsewhere))
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
    shutil.rmtree(home)
    with embedded.run(home) as server:
        assert ask(server.dsn, "SELECT to_regclass('kept')") is None
        assert not elsewhere.exists()
    shutil.rmtree(elsewhere.parent)


def _runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout
    return state.strip() not in ("", "Z")
