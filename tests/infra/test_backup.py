"""Backups of a real server: what comes back after it is lost, and what is refused because it would come back wrong."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from app.backup import back_up, back_up_and_follow, restore_into
from app.drill.disaster import kill_server
from app.infra import embedded, migrate
from app.infra.backup.base import check_belongs, take
from app.infra.backup.folder import bases, locked, newest_before
from app.infra.backup.follow import follow
from app.infra.backup.manifest import MANIFEST, verify
from app.infra.backup.prune import prune
from app.infra.backup.restore import restore
from app.infra.backup.segments import log_from, name_of, number_of, position_of
from app.infra.backup.tools import BackupError, source_of
from app.infra.database import ENGINE_ROLE
from app.kernel.money import UNIT
from app.ledger.books import journals
from app.ledger.chart import USD, Kind, address
from app.ledger.replay import replay
from app.ledger.types import Leg
from tests.ledger.books import Books, books

BEFORE, BY_THEN, IN_ALL = 2, 4, 7
"""How many deposits there were when the newest base backup began, at the time between, and in the end."""


@dataclass(frozen=True)
class Kept:
    """A backup of a server that is gone: two base backups and the log since the first."""

    folder: Path
    between: datetime
    journal: int

    def copy(self, to: Path) -> Path:
        """One to damage, by links: what is changed must be written anew."""
        return shutil.copytree(self.folder, to / "backup", copy_function=os.link)


def write_anew(path: Path, content: bytes | bytearray) -> None:
    path.unlink()
    path.write_bytes(content)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wealthgraph-") as folder:
        Path(folder).chmod(0o711)  # run by root, the server is another user, who has to pass through
        yield Path(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with temporary_folder() as folder:
        with embedded.run(folder / "home", durable=False) as server:
            asyncio.run(migrate.upgrade(server.dsn))
            between, journal = asyncio.run(live_and_follow(server, folder / "backup"))
            kill_server(server)
        yield Kept(folder / "backup", between, journal)


async def live_and_follow(server: embedded.Server, folder: Path) -> tuple[datetime, int]:
    """Deposits before, while and after a backup is made, over a crash of the server, each in a segment of its own."""
    url, said = server.dsn, list[str]()
    async with books(url) as found:
        journal = found.journal.id
        await deposit(found, 1)
        following = asyncio.create_task(back_up_and_follow(url, folder, said.append))
        await until(lambda: any("Following" in line for line in said), following)
        await deposit(found, BEFORE - 1)
    await take(url, folder)
    async with books_again(url) as found:
        await deposit(found, BY_THEN - BEFORE)
        between: datetime = await found.connection.fetchval("SELECT clock_timestamp()")
        await caught_up(url)
    kill_server(server)
    await until(lambda: any("interrupted" in line for line in said), following)
    with embedded.run(server.home, durable=False):
        await until(lambda: "The server is back." in said, following)
        async with books_again(url) as found:
            await deposit(found, IN_ALL - BY_THEN)
        await caught_up(url)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return between, journal


async def deposit(found: Books, times: int) -> None:
    for _ in range(times):
        fbo = address(found.journal.outside, USD, Kind.FBO)
        await found.post([Leg(fbo, address(found.customers[0], USD, Kind.SETTLED), UNIT)])
        await found.connection.execute("SET ROLE NONE")
        await found.connection.execute("SELECT pg_switch_wal()")
        await found.connection.execute(f"SET ROLE {ENGINE_ROLE}")


@asynccontextmanager
async def books_again(url: str) -> AsyncIterator[Books]:
    """The books that were opened before."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    [journal] = await journals(connection)
    rows = await connection.fetch("SELECT id FROM ledger.book WHERE kind = 'customer' ORDER BY id")
    yield Books(connection, journal, [row["id"] for row in rows])
    await connection.close()


async def until(holds: Callable[[], bool], task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(30):
        while not holds():
            if task.done():
                task.result()
            await asyncio.sleep(0.02)


async def caught_up(url: str) -> None:
    connection = await asyncpg.connect(url)
    asked = "SELECT bool_or(flush_lsn >= pg_current_wal_flush_lsn()) FROM pg_stat_replication WHERE state = 'streaming'"
    async with asyncio.timeout(30):
        while not await connection.fetchval(asked):
            await asyncio.sleep(0.02)
    await connection.close()


def deposits(home: Path, journal: int) -> int:
    """How many deposits a restored home holds; its books must agree."""

    async def count(url: str) -> int:
        connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
        try:
            assert (await replay(connection, journal)).disagreement is None
            number: int = await connection.fetchval("SELECT count(*) FROM ledger.event WHERE type = 'DEPOSIT'")
            return number
        finally:
            await connection.close()

    with embedded.run(home, durable=False) as server:
        return asyncio.run(count(server.dsn))


def test_everything_comes_back_and_the_books_agree(kept: Kept, place: Path) -> None:
    said: list[str] = []
    assert restore_into(kept.folder, place / "new", None, said.append)
    assert deposits(place / "new" / "postgres", kept.journal) == IN_ALL
    assert f"goes up to position {IN_ALL}," in "\n".join(said)
    assert "The log and every balance agree." in "\n".join(said)


def test_a_time_between_brings_back_exactly_what_was_there_by_then(kept: Kept, place: Path) -> None:
    restored = restore(kept.folder, place / "new", kept.between)
    assert restored.base == bases(kept.folder)[-1], "the newest before it"
    assert deposits(place / "new", kept.journal) == BY_THEN


def test_a_restored_server_begins_a_backup_of_its_own(kept: Kept, place: Path) -> None:
    """Its log forks from the old one's: in one folder they could be taken for each other."""
    restore(kept.folder, place / "new", None)
    with embedded.run(place / "new", durable=False) as server:
        with pytest.raises(BackupError, match="timeline 2: begin a new folder"):
            asyncio.run(take(server.dsn, kept.folder))
        with pytest.raises(BackupError, match="timeline 2: begin a new folder"):
            asyncio.run(follow(server.dsn, kept.folder, print))
        base = asyncio.run(back_up(server.dsn, place / "own", print))
    restore(place / "own", place / "again")
    assert deposits(place / "again", kept.journal) == IN_ALL
    assert base.timeline == 2


def test_a_time_before_any_backup_is_refused(kept: Kept, place: Path) -> None:
    with pytest.raises(BackupError, match=r"before the oldest base backup was ready, at .* UTC: ask for a later"):
        restore(kept.folder, place / "new", bases(kept.folder)[0].ended - timedelta(microseconds=1))
    assert not (place / "new").exists()


def test_a_time_after_the_last_commit_brings_everything_back(kept: Kept, place: Path) -> None:
    said: list[str] = []
    assert restore_into(kept.folder, place / "new", kept.between + timedelta(days=1), said.append)
    assert "The last commit that was received is older than what was asked for" in "\n".join(said)
    assert deposits(place / "new" / "postgres", kept.journal) == IN_ALL


def test_what_is_there_is_never_restored_over(kept: Kept, place: Path) -> None:
    (place / "new").mkdir()
    (place / "new" / "precious").write_text("mine")
    for attempt in (
        lambda: restore(kept.folder, place / "new"),
        lambda: restore_into(kept.folder, place / "new", None, print),
    ):
        with pytest.raises(BackupError, match=r"new exists: nothing is ever restored over what is there"):
            attempt()
    assert [path.name for path in (place / "new").iterdir()] == ["precious"]


def _a_table(data: Path) -> Path:
    return max((path for path in data.glob("base/*/*")), key=lambda path: path.stat().st_size)


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    write_anew(path, content)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda data: _flip(_a_table(data), 4_000), "has other content than was backed up"),
        (lambda data: _a_table(data).unlink(), r"base/\d+/\d+ is missing"),
        (lambda data: write_anew(_a_table(data), b"short"), "has 5 bytes, not"),
        (lambda data: (data / "base" / "stranger").touch(), "base/stranger does not belong to it"),
        (lambda data: _flip(data / MANIFEST, 100), "(was changed|can't be read).*can't be trusted"),
        (lambda data: (data / MANIFEST).unlink(), "can't be trusted"),
        (lambda data: [path.unlink() for path in (data / "pg_wal").glob("0*")], "its WAL from .* can't be read"),
    ],
)
def test_a_damaged_base_backup_is_refused(
    kept: Kept, place: Path, damage: Callable[[Path], object], named: str
) -> None:
    data = shutil.copytree(bases(kept.folder)[-1].data, place / "base" / "data", copy_function=os.link)
    verify(data)
    damage(data)
    with pytest.raises(BackupError, match=named):
        verify(data)


def test_restore_verifies_first(kept: Kept, place: Path) -> None:
    folder = kept.copy(place)
    _flip(_a_table(bases(folder)[-1].data), 4_000)
    with pytest.raises(BackupError, match="is damaged"):
        restore_into(folder, place / "new", None, print)
    assert not (place / "new").exists()


def _segment(folder: Path, after_the_first: int) -> Path:
    base = newest_before(folder, None)
    number = number_of(base.first_segment, base.segment_bytes) + after_the_first
    return folder / "wal" / name_of(base.timeline, number, base.segment_bytes)


@pytest.mark.parametrize("cut", [True, False])
def test_a_gap_in_the_log_is_named(kept: Kept, place: Path, cut: bool) -> None:
    folder = kept.copy(place)
    lost = _segment(folder, 4)
    if cut:
        write_anew(lost, lost.read_bytes()[:8_192])
    else:
        lost.unlink()
    with pytest.raises(BackupError, match=f"{lost.name} is missing"):
        restore_into(folder, place / "new", None, print)
    with pytest.raises(BackupError, match=f"{lost.name} is missing"):
        restore_into(folder, place / "new", kept.between + timedelta(days=1), print)
    assert not (place / "new").exists(), "the same can be tried again"


def test_a_time_before_a_gap_can_be_restored(kept: Kept, place: Path) -> None:
    folder = kept.copy(place)
    _segment(folder, 4).unlink()
    restored = restore(folder, place / "new", kept.between)
    assert restored.missing == _segment(folder, 4).name
    assert deposits(place / "new", kept.journal) == BY_THEN


def test_a_damaged_log_is_not_taken_for_its_end(kept: Kept, place: Path) -> None:
    """PostgreSQL ends its recovery at a record that it can't read, and says nothing."""
    folder = kept.copy(place)
    damaged = _segment(folder, 2)
    write_anew(damaged, damaged.read_bytes()[:40] + bytes(damaged.stat().st_size - 40))
    with pytest.raises(BackupError, match=f"the log is damaged in {damaged.name}"):
        restore_into(folder, place / "new", None, print)
    assert not (place / "new").exists()


def test_pruning_keeps_what_the_newest_need(kept: Kept, place: Path) -> None:
    folder = kept.copy(place)
    (folder / "base-20200101T000000.000Z").mkdir()
    old, new = bases(folder)
    with pytest.raises(BackupError, match="at least one"):
        prune(folder, 0)
    assert prune(folder, 2) == []
    assert min(path.name for path in (folder / "wal").iterdir()) == old.first_segment
    assert prune(folder, 1) == [old]
    assert bases(folder) == [new]
    assert [path.name for path in folder.glob("base-*")] == [new.folder.name], "what was unfinished went too"
    assert min(path.name for path in (folder / "wal").iterdir()) == new.first_segment
    restore(folder, place / "new", kept.between)
    assert deposits(place / "new", kept.journal) == BY_THEN


def test_an_unfinished_backup_does_not_count(kept: Kept, place: Path) -> None:
    folder = kept.copy(place)
    old, new = bases(folder)
    (new.folder / "base.json").unlink()
    assert bases(folder) == [old]
    (old.folder / "base.json").unlink()
    with pytest.raises(BackupError, match="holds no finished base backup"):
        restore(folder, place / "new")
    with pytest.raises(BackupError, match="there is no folder"):
        restore(place / "nowhere", place / "new")


def test_another_version_is_refused(kept: Kept, place: Path) -> None:
    folder = kept.copy(place)
    described = bases(folder)[-1].folder / "base.json"
    write_anew(described, json.dumps(json.loads(described.read_text()) | {"version": 16}).encode())
    with pytest.raises(BackupError, match="is of PostgreSQL 16, and the embedded one is 18"):
        restore(folder, place / "new")
    server = {"version": 16, "system": "1", "timeline": 1, "apart": None}
    with pytest.raises(BackupError, match="the server is PostgreSQL 16, and the programs here are of 18"):
        check_belongs(folder, server)


def test_data_apart_is_refused(place: Path) -> None:
    with pytest.raises(BackupError, match=r"tablespaces fast\), which is not supported"):
        check_belongs(place, {"version": 18, "system": "1", "timeline": 1, "apart": "fast"})


def test_another_servers_folder_is_refused(kept: Kept, postgres: embedded.Server) -> None:
    before = sorted(kept.folder.rglob("*"))
    with pytest.raises(BackupError, match=r"holds the backup of another server \(system \d+\)"):
        asyncio.run(take(postgres.dsn, kept.folder))
    assert sorted(kept.folder.rglob("*")) == before


def test_nobody_else_works_in_the_folder_meanwhile(postgres: embedded.Server, place: Path) -> None:
    with locked(place / "backup", "base"), pytest.raises(BackupError, match="another process is busy in"):
        asyncio.run(take(postgres.dsn, place / "backup"))


def test_a_failed_backup_leaves_nothing(postgres: embedded.Server, place: Path) -> None:
    with pytest.raises(BackupError, match="can't be reached"):
        asyncio.run(take("postgresql://nobody@127.0.0.1:1/none", place / "backup"))
    with pytest.raises(BackupError, match="nobody"):
        asyncio.run(take(postgres.dsn.replace("postgres@", "nobody@"), place / "backup"))
    assert not list(place.glob("backup/base-*"))


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://a:s%40cret@db:5432/w?sslmode=require", "postgresql://a@db:5432/w?sslmode=require", "s@cret"),
        ("postgresql://a@db/w?password=s%26x&sslmode=require", "postgresql://a@db/w?sslmode=require", "s&x"),
        ("postgresql://a@/w?host=%2Frun%2Fpg&port=5432", "postgresql://a@/w?host=%2Frun%2Fpg&port=5432", None),
        ("postgresql:///w?host=/run/pg", "postgresql:///w?host=/run/pg", None),
    ],
)
def test_a_password_is_never_in_a_command(url: str, shown: str, password: str | None) -> None:
    source = source_of(url)
    assert source.url == shown
    assert source.environment().get("PGPASSWORD") == password
    assert password is None or password not in repr(source), "nor in a traceback"


def test_a_password_that_can_not_be_hidden_is_refused() -> None:
    with pytest.raises(BackupError, match="sslpassword"):
        source_of("postgresql://a@db/w?sslpassword=x")


def test_segments_follow_each_other_across_the_end_of_a_number(tmp_path: Path) -> None:
    size = 1 << 24
    assert name_of(1, number_of("0000000100000000000000FF", size) + 1, size) == "000000010000000100000000"
    assert position_of("1/2000028") // size == number_of("000000010000000100000002", size)
    (tmp_path / "0000000100000000000000FF").write_bytes(b"\1" * 64)
    (tmp_path / "000000010000000100000000.partial").write_bytes(b"\1" * 8 + bytes(56))
    found = log_from("0000000100000000000000FF", 64, tmp_path)
    assert found.missing is not None, "with segments of 64 bytes they do not follow each other"


def test_of_two_copies_the_fuller_counts(tmp_path: Path) -> None:
    size, name = 64, "000000010000000000000002"
    for folder, length in (("a", 8), ("b", 16)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / (name + ".partial" * (folder == "b"))).write_bytes(b"\1" * length + bytes(size - length))
    log = log_from(name, size, tmp_path / "a", tmp_path / "b")
    assert [path.parent.name for path in log.files.values()] == ["b"]
    assert log.missing is None
