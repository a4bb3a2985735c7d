"""Old partitions kept in an object store: the same archive as in a folder, spoken to over the network."""

from collections.abc import Iterator

import pytest
from obstore.exceptions import BaseError
from typer.testing import CliRunner

from app.archive import archive_all, check_all
from app.cli import cli
from app.proofs import verify_all
from tests.ledger.books import Books
from tests.ledger.small_s3 import Objects, small_s3
from tests.ledger.test_archive import LATER, SEALS, old

__all__ = ["old"]

PLACE = "s3://archive/some/prefix"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """What stands in the bucket ``archive``. Where it is and who asks is said as everywhere with S3."""
    with small_s3("archive") as (url, objects):
        monkeypatch.setenv("AWS_ENDPOINT", url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "some-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
        yield objects


@pytest.mark.asyncio
async def test_what_is_archived_there_is_checked_and_verified_from_there(
    old: Books, database_url: str, s3: Objects
) -> None:
    said: list[str] = []
    assert await archive_all(database_url, PLACE, LATER, SEALS, said.append, detached=True, drop=True)
    assert await old.connection.fetchval("SELECT min(position) FROM ledger.event") == 3_073
    assert {path.split("/journal-")[0] for path in s3} == {"/archive/some/prefix"}
    assert await check_all(PLACE, said.append)
    assert said[-1] == f"Journal {old.journal.id}: positions 1 to 3,072: complete, and adds up."
    assert await verify_all(database_url, SEALS, None, said.append, PLACE)


@pytest.mark.asyncio
async def test_what_is_missing_or_changed_there_is_named(old: Books, database_url: str, s3: Objects) -> None:
    said: list[str] = []
    assert await archive_all(database_url, PLACE, LATER, SEALS, said.append, detached=True, drop=True)
    some = next(path for path in sorted(s3) if path.endswith(".transfers.parquet"))
    content = s3[some]
    s3[some] = content[:-1] + b"x"
    assert not await check_all(PLACE, said.append)
    assert "was changed" in said[-1]
    del s3[some]
    assert not await verify_all(database_url, SEALS, None, said.append, PLACE)
    assert "is missing" in said[-1]


@pytest.mark.asyncio
async def test_what_could_not_be_written_there_does_not_leave_the_log(
    old: Books, database_url: str, s3: Objects
) -> None:
    with pytest.raises((BaseError, FileNotFoundError)):
        await archive_all(database_url, "s3://nowhere", LATER, SEALS, lambda _: None, detached=True, drop=True)
    assert s3 == {}
    assert await old.connection.fetchval("SELECT count(*) FROM ledger.event") == 3_301


def test_an_archive_that_can_not_be_reached_is_said_in_a_line() -> None:
    found = CliRunner().invoke(cli, ["check-archive", "nowhere://archive"])
    assert found.exit_code == 2
    assert found.output.startswith("nowhere://archive can't be read or written: ")
    assert len(found.output.splitlines()) == 1
