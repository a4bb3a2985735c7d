"""Attacks on the firm's books: times that can't be, entries undone before they were, and what an archive takes away."""

import asyncio
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from app.accounting.decide import Decide, approve
from app.accounting.export_account import export_account
from app.accounting.propose import STANDS_FOR, ProposeReversal, propose_journals, propose_reversals
from app.accounting.reconcile import Reconcile, reconcile
from app.accounting.statement import read_statement
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.chart import USD, Kind, address
from tests.accounting.keeping import ANN, BOB, Keeping
from tests.accounting.test_journals import journal, position_of, sound
from tests.ledger.archiving import take_out
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def archived(world: World, url: str, folder: Path) -> None:
    """Everything but the newest partition, of ten positions each."""
    async with world.pool.acquire() as connection:
        await prove(connection, world.commits.journal, world.clock)
    later = world.clock.now() + timedelta(days=1)
    await take_out(url, world.commits.journal.id, folder, later)


async def small_partitions(url: str) -> None:
    superuser = await asyncpg.connect(url)
    await superuser.execute("UPDATE ledger.journal SET partition_size = 10")
    await superuser.close()


async def test_a_reversal_does_not_take_effect_before_what_it_takes_back(database_url: str) -> None:
    async with running(database_url) as world:
        begun = world.clock.now()
        await world.investor(1)
        world.clock.advance(timedelta(days=2))
        ann = await world.investor(100)
        position = await position_of(world, ann, EventType.DEPOSIT)
        try:
            command = ProposeReversal(position, "A mistake", ANN, begun + timedelta(days=1))
            id_ = await world.commits.submit(propose_reversals, command)
            await world.commits.submit(approve, Decide(id_, BOB))
        except Refusal:
            return
        balance = await world.pool.fetchval(
            "SELECT balance FROM ledger.effective_balances_at($1, $2, $3, 1000)",
            world.commits.journal.id,
            [address(ann.book_id, USD, Kind.SETTLED)],
            begun + timedelta(days=1, hours=1),
        )
        assert balance >= 0, "a customer's cash is never below zero"


async def test_a_journal_does_not_take_effect_before_its_account_was_opened(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, begun = Keeping(world), world.clock.now()
        await keeping.fund_house(100)
        world.clock.advance(timedelta(days=2))
        ann = await world.investor(10)
        try:
            await world.commits.submit(propose_journals, journal(ann, effective_at=begun + timedelta(days=1)))
        except Refusal:
            return
        raise AssertionError("it was proposed")


async def test_a_journal_can_be_dated_back_after_something_was_archived(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        await small_partitions(database_url)
        keeping = Keeping(world)
        await keeping.fund_house(100)
        investors = [await world.investor(10) for _ in range(8)]
        world.clock.advance(timedelta(days=1))
        await archived(world, database_url, tmp_path)
        at = world.clock.now() - timedelta(minutes=1)
        await world.commits.submit(propose_journals, journal(investors[0], effective_at=at))


async def test_books_are_closed_though_the_first_entries_are_archived(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        await small_partitions(database_url)
        keeping = Keeping(world)
        for _ in range(8):
            await world.investor(10)
        await archived(world, database_url, tmp_path)
        await world.jump(world.clock.now() + timedelta(days=6))
        await keeping.bookkeeper.run_due()
        assert await keeping.closes() != []


async def test_a_close_still_adds_up_to_its_hash_or_is_refused(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        await small_partitions(database_url)
        keeping = Keeping(world)
        await world.investor(10)
        await world.jump(world.clock.now() + timedelta(days=5))
        await keeping.bookkeeper.run_due()
        close = (await keeping.closes())[0]
        assert (await keeping.books(close.position)).hash == close.hash
        for _ in range(8):
            await world.investor(10)
        await archived(world, database_url, tmp_path)
        try:
            again = await keeping.books(close.position)
        except (LookupError, Refusal, asyncpg.PostgresError):
            return
        assert again.hash == close.hash


async def test_an_export_has_what_is_archived_or_says_what_is_missing(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        await small_partitions(database_url)
        ann = await world.investor(10)
        for _ in range(8):
            await world.investor(10)
        await archived(world, database_url, tmp_path)
        with zipfile.ZipFile(made := io.BytesIO(), "w") as file:
            async with world.pool.acquire() as connection:
                rows = await export_account(connection, ann.id, file, world.clock.now(), lambda *_: None)
        about = zipfile.ZipFile(made).read("README.txt").decode()
        assert rows["entries"] == 2 or "archive" in about


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-14:00"])
async def test_a_file_of_a_time_that_can_not_be_is_refused(database_url: str, at: str) -> None:
    async with running(database_url) as world:
        await world.investor(10)
        try:
            statement = read_statement(f"as_of,account,asset,balance\n{at},FBO,USD,10\n", "file", {"USD": USD})
        except Refusal:
            return
        with pytest.raises(Refusal):
            await world.commits.submit(reconcile, Reconcile(statement, ANN))


async def test_a_reversal_that_nobody_decided_about_in_time_does_not_block_another(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        position = await position_of(world, ann, EventType.DEPOSIT)
        await world.commits.submit(propose_reversals, ProposeReversal(position, "A mistake", ANN))
        world.clock.advance(STANDS_FOR + timedelta(seconds=1))
        await world.commits.submit(propose_reversals, ProposeReversal(position, "A mistake", BOB))


async def test_two_who_approve_at_once_post_it_once(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, ann = Keeping(world), await world.investor(10)
        await keeping.fund_house(100)
        id_ = await world.commits.submit(propose_journals, journal(ann))
        done = await asyncio.gather(
            *(world.commits.submit(approve, Decide(id_, f"operator:{name}")) for name in ("bob", "carl", "dora")),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Refusal) for each in done) == 2
        assert (await world.cash(ann)).settled == 15 * UNIT
        await sound(world)


async def test_two_who_reverse_at_once_reverse_it_once(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        position = await position_of(world, ann, EventType.DEPOSIT)
        done = await asyncio.gather(
            *(
                world.commits.submit(propose_reversals, ProposeReversal(position, "A mistake", each))
                for each in (ANN, BOB)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Refusal) for each in done) == 1


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-25T12:00:00Z,FBO,USD,1e9",
        "2026-11-25T12:00:00Z,FBO,USD,NaN",
        "2026-11-25T12:00:00Z,FBO,USD,Infinity",
        "2026-11-25T12:00:00Z,FBO,USD,\uff11",
        "2026-11-25T12:00:00Z,FBO,USD,0.000000001",
        "2026-11-25T12:00:00Z,FBO,USD,999999999999999999999999999999999999999",
        "2026-11-25T12:00:00Z,SETTLED,USD,1",
        "2026-11-25T12:00:00Z,FBO,=cmd(),1",
        "2026-11-25T12:00:00,FBO,USD,1",
        '2026-11-25T12:00:00Z,FBO,USD,"1',
        "2026-11-25T12:00:00Z,FBO,USD,1,2",
        "2026-11-25T12:00:00Z,FBO,USD,1\n2026-11-25T12:00:00Z,FBO,USD,1",
        "2026-11-25T12:00:00Z,FBO,USD,1\x00",
        "x" * 200_000,
    ],
)
async def test_hostile_lines_are_refused(line: str) -> None:
    with pytest.raises(Refusal):
        read_statement(f"as_of,account,asset,balance\n{line}\n", "file", {"USD": USD})


async def test_a_break_that_is_gone_is_noted_though_a_run_of_other_accounts_came_between(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        await world.investor(10)
        header, at = "as_of,account,asset,balance\n", world.clock.now().isoformat()
        bank, firm = f"{at},FBO,USD,10\n", f"{at},FIRM_BANK,USD,0\n"
        await keeping.reconcile(file=f"{header}{at},FBO,USD,9\n")
        assert [case[2] for case in await keeping.cases()] == ["OPENED"]
        await keeping.reconcile(file=header + firm)
        await keeping.reconcile(file=header + bank + firm)
        assert [case[2] for case in await keeping.cases()] != ["OPENED"]
