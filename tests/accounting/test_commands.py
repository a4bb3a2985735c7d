"""The commands of the firm's books, as a person at a terminal uses them."""

import asyncio
import csv
import io
import json
import zipfile
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.cli import cli
from app.kernel.money import UNIT
from app.market.types import Side
from resolvers.ids import encode_id
from tests.accounting.keeping import Keeping, entries
from tests.world import running


def run(url: str, home: Path, *arguments: str) -> Result:
    environment = {"DATABASE_URL": url, "WEALTHGRAPH_HOME": str(home), "LOG_LEVEL": "ERROR"}
    return CliRunner().invoke(cli, list(arguments), env=environment)


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sets up logging for its process, to a stream that the test closes afterwards."""
    monkeypatch.setattr("app.commands.shell.configure", lambda level: None)


@pytest.fixture
def busy(database_url: str) -> tuple[str, str, str]:
    """The database's URL, an account's id, and the custodian's file of a tenant that has traded."""

    async def trade() -> tuple[str, str]:
        async with running(database_url) as world:
            keeping = Keeping(world)
            ann = await world.investor(100)
            await world.place(ann, Side.BUY, "AAPL", amount="40.00")
            await world.pass_time(200)
            return encode_id("Account", ann.id), await keeping.custodian.file(world.commits.journal, None)

    account, file = asyncio.run(trade())
    return database_url, account, file


def test_the_general_ledger(busy: tuple[str, str, str], tmp_path: Path) -> None:
    url, _, _ = busy
    to = tmp_path / "ledger.csv"
    done = run(url, tmp_path, "general-ledger", "--output", str(to))
    assert (done.exit_code, done.output[-7:]) == (0, "lines.\n"), done.output
    rows = list(csv.DictReader(io.StringIO(to.read_text())))
    assert len(rows) > 10
    printed = run(url, tmp_path, "general-ledger", "--from", "2026-11-25", "--to", "2026-11-25")
    assert list(csv.DictReader(io.StringIO(printed.stdout))) == rows
    nothing = run(url, tmp_path, "general-ledger", "--from", "2026-11-26")
    assert len(nothing.stdout.splitlines()) == 1
    again = run(url, tmp_path, "general-ledger", "--output", str(to))
    assert (again.exit_code, "there already" in again.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.csv"]


def test_a_tenant_that_is_not_there(busy: tuple[str, str, str], tmp_path: Path) -> None:
    done = run(busy[0], tmp_path, "general-ledger", "--tenant", "0194f3a0-7e3c-7000-8000-000000000000")
    assert (done.exit_code, "name one tenant" in done.output) == (2, True)


def test_everything_of_an_account(busy: tuple[str, str, str], tmp_path: Path) -> None:
    url, account, _ = busy
    to = tmp_path / "ann.zip"
    done = run(url, tmp_path, "export-account", account, str(to))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(to) as archive:
        [found] = [json.loads(line) for line in archive.read("account.jsonl").splitlines()]
        assert "account.jsonl: 1 rows" in archive.read("README.txt").decode()
    assert encode_id("Account", found["id"]) == account
    for wrong in ("nonsense", encode_id("Account", "0194f3a0-7e3c-7000-8000-000000000000")):
        other = run(url, tmp_path, "export-account", wrong, str(tmp_path / "other.zip"))
        assert other.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["ann.zip"]


def test_reconciling_a_file(busy: tuple[str, str, str], tmp_path: Path) -> None:
    """At the command line the sandbox's own clock counts, by which the file of 2026 speaks of the future."""
    url, _, file = busy
    to = tmp_path / "custodian.csv"
    to.write_text(file)
    done = run(url, tmp_path, "reconcile", str(to))
    assert (done.exit_code, "speaks of 2026-11-25" in done.output) == (2, True), done.output
    to.write_text(
        file.replace("2026-11-25T15:00:00.2", "2021-01-04T14:30:00.0").replace("FBO,USD,100.00", "FBO,USD,90.00")
    )
    done = run(url, tmp_path, "reconcile", str(to))
    assert (done.exit_code, "they say 90.00" in done.output) == (1, True), done.output
    to.write_text("as_of")
    assert "first line must be" in run(url, tmp_path, "reconcile", str(to)).output


def test_what_is_archived_is_said_to_be_missing(database_url: str, tmp_path: Path) -> None:
    account = asyncio.run(with_an_archive(database_url))
    said = "The log is at hand from position 1,025 on"
    to = tmp_path / "ledger.csv"
    done = run(database_url, tmp_path, "general-ledger", "--output", str(to))
    assert (done.exit_code, done.stderr.startswith(said)) == (0, True), done.output
    first, *rows = csv.DictReader(io.StringIO(to.read_text()))
    assert (first["position"], first["event"], first["account"]) == ("1024", "ARCHIVED", "")
    assert {row["event"] for row in rows} == {"DEPOSIT"}
    taken = tmp_path / "account.zip"
    done = run(database_url, tmp_path, "export-account", account, str(taken))
    assert (done.exit_code, done.stderr.startswith(said)) == (0, True), done.output
    with zipfile.ZipFile(taken) as archive:
        assert said in archive.read("README.txt").decode()


async def with_an_archive(url: str) -> str:
    """A customer's account with 100 dollars whose entries are archived, and 5 more."""
    superuser = await asyncpg.connect(url)
    async with running(url) as world:
        await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
        ann = await world.investor(100)
        await entries(world, 1_024)
        await world.commits.submit(deposit, CashMovement(ann.book_id, 5 * UNIT, "test"))
        await superuser.execute("UPDATE ledger.audit SET proven = 1024")
        await superuser.execute("SELECT ledger.detach_oldest_partition($1, 1024)", world.commits.journal.id)
    await superuser.close()
    return encode_id("Account", ann.id)
