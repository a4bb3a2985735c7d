"""The daily close: one for each business date, the same whoever makes it and however late, and never changed."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event

from app.accounting.bookkeeper import Bookkeeper
from app.accounting.business_days import ends_at
from app.accounting.close_day import close_days, next_to_close
from app.accounting.decide import Decide, approve
from app.accounting.propose import ProposeJournal, propose_journals
from app.accounting.reads import changes_since
from app.accounting.types import Line
from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.infra.database import driver_of
from app.kernel.clock import ManualClock
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.kernel.paging import PageOf
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind
from app.ledger.commit import GroupCommit
from app.ledger.types import Entry
from app.market.types import Side
from app.proofs import verify_all
from tests.accounting.keeping import ANN, BOB, Keeping
from tests.world import World, running

pytestmark = pytest.mark.asyncio

#: The world begins on Wednesday; Thursday is Thanksgiving.
WEDNESDAY, FRIDAY, MONDAY = date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 17, tzinfo=UTC)


async def test_a_close_for_each_business_date(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        await keeping.bookkeeper.run_due()
        assert await keeping.closes() == [], "the day is not over"
        await world.place(investor, Side.BUY, "AAPL", amount="50.00")
        await world.pass_time(200)
        wednesdays = await keeping.books()
        await world.jump(noon(date(2026, 11, 28)))
        await world.investor(7)
        await world.jump(noon(MONDAY))
        fridays = await keeping.head()
        await keeping.bookkeeper.run_due()
        found = await keeping.closes()
        assert [close.business_date for close in found] == [WEDNESDAY, FRIDAY]
        assert found[0].hash == wednesdays.hash
        assert (found[0].position, list(found[0].totals)) == (wednesdays.position, wednesdays.totals)
        assert found[1].position < fridays, "what happened on Saturday is Monday's"
        assert all(close.balanced and not close.custody for close in found)
        assert found[0].ends_at == datetime(2026, 11, 26, 5, tzinfo=UTC)
        before = await world.everything()
        await keeping.bookkeeper.run_due()
        assert await world.everything() == before


async def test_the_same_however_late_and_by_how_many(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        await world.investor(100)
        expected = await keeping.books()
        await world.jump(noon(MONDAY))
        await world.investor(1_000)
        await world.jump(noon(date(2026, 12, 3)))
        others = [Bookkeeper(world.pool, world.writers, world.market, None, clock=world.clock) for _ in range(3)]
        await asyncio.gather(*(each.run_due() for each in others))
        found = await keeping.closes()
        assert [close.business_date.day for close in found] == [25, 27, 30, 1, 2]
        assert (found[0].position, found[0].hash) == (expected.position, expected.hash)
        assert found[0].position == found[1].position < found[2].position
        told = await world.pool.fetchval("SELECT count(*) FROM ledger.event WHERE type = 'BOOKS_CLOSED'")
        assert told == 5


async def test_what_comes_later_for_a_day_does_not_change_its_close_but_is_shown(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        earlier = world.clock.now()
        await world.jump(noon(FRIDAY))
        await keeping.bookkeeper.run_due()
        [close] = await keeping.closes()
        assert await changes(world, keeping) == []
        lines = [Line(Kind.PROMO, Kind.SETTLED, USD, UNIT)]
        command = ProposeJournal(lines, "Forgotten", ANN, investor.id, investor.book_id, earlier)
        id_ = await world.commits.submit(propose_journals, command)
        await world.commits.submit(approve, Decide(id_, BOB))
        journal = await keeping.journal(id_)
        assert await keeping.closes() == [close]
        assert (await keeping.books(close.position)).hash == close.hash
        assert await changes(world, keeping) == [journal.position]


async def test_what_was_being_committed_as_the_day_ended_is_in_its_close(database_url: str) -> None:
    """It had its time, but was not there to be seen yet when the day was added up."""
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        lagging = ManualClock(world.clock.now() + timedelta(hours=1))
        other = GroupCommit(
            world.pool, world.commits.journal, clock=lagging, market_clock=lagging, ring=lambda *_: None
        )
        writing = asyncio.create_task(other.run())
        await world.jump(noon(FRIDAY))
        async with world.pool.acquire() as connection:
            found = await next_to_close(connection, world.commits.journal.id, FRIDAY)
        assert found is not None
        await other.submit(deposit, CashMovement(investor.book_id, UNIT, "test"))
        deposited = await keeping.head()
        assert await world.commits.submit(close_days, found) is None
        assert await keeping.closes() == []
        await keeping.bookkeeper.run_due()
        [close] = await keeping.closes()
        assert close.position == deposited
        assert close.hash == (await keeping.books(deposited)).hash
        await other.submit(deposit, CashMovement(investor.book_id, UNIT, "test"))
        assert (await times(world))[-1] >= close.ends_at, "whoever lags behind is too late from now on"
        writing.cancel()


async def times(world: World) -> list[datetime]:
    rows = await world.pool.fetch("SELECT effective_at FROM ledger.event ORDER BY position")
    return [row["effective_at"] for row in rows]


async def changes(world: World, keeping: Keeping) -> list[int]:
    async with world.read() as api:
        page = await changes_since(api, (await keeping.closes())[0], PageOf(10))
    return [event.position for event in page.items]


async def test_changes_are_found_among_all_that_came_late_since(database_url: str) -> None:
    """A minute late is usual, and there is a lot of it: none of the days since is looked through."""
    async with running(database_url) as world:
        keeping = Keeping(world)
        await world.investor(100)
        wednesday = world.clock.now()
        late = timedelta(seconds=30)
        await world.jump(ends_at(WEDNESDAY) - late / 2)
        await posting(world, [world.clock.now()])
        await world.jump(ends_at(WEDNESDAY) + late / 2)
        await posting(world, [world.clock.now(), world.clock.now() - late, ends_at(WEDNESDAY)])
        await world.jump(noon(FRIDAY))
        await posting(world, [world.clock.now(), wednesday, *[world.clock.now() - late] * 3_000, wednesday])
        await keeping.bookkeeper.run_due()
        [close] = await keeping.closes()
        base, head = close.position, await keeping.head()
        expected = [base + 2, base + 5, base + 3_006]
        assert await changes(world, keeping) == expected
        async with world.read() as api:
            for asked, of in ((PageOf(2), expected[:2]), (PageOf(9, after=base + 2), expected[1:])):
                assert [each.position for each in (await changes_since(api, close, asked)).items] == of
            back = await changes_since(api, close, PageOf(2, before=head, backward=True))
            assert [each.position for each in back.items] == expected[1:]
            assert back.has_previous
            statements: list[tuple[str, Any]] = []
            event.listen(world.api.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2:4]))
            await changes_since(api, close, PageOf(9))
            statement, arguments = statements[0]
            plan = await driver_of(api).fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {statement}", *arguments)
            filtered = [int(found) for row in plan for found in re.findall(r"Removed by Filter: (\d+)", row[0])]
            assert sum(filtered) < 100, plan


async def posting(world: World, times: Sequence[datetime]) -> None:
    """Entries of nobody in particular that took effect at these times."""

    async def post(batch: Batch, commands: Sequence[int]) -> list[int]:
        house = batch.journal.house
        await batch.post_facts([Entry(NewEvent(house, EventType.HOUSE_FUNDED, "test", at)) for at in times])
        return list(commands)

    await world.commits.submit(post, 1)


async def test_books_that_do_not_add_up_are_a_case(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        await world.investor(100)
        root = await asyncpg.connect(database_url)
        await root.execute("UPDATE ledger.account SET balance = balance + 1 WHERE kind = $1", Kind.SETTLED)
        await root.close()
        await world.jump(noon(FRIDAY))
        await keeping.bookkeeper.run_due()
        [close] = await keeping.closes()
        assert not close.balanced
        assert [(each["kind"], each["status"]) for each in await case_rows(world)] == [("BOOKS_UNBALANCED", "OPEN")]
        [case] = await case_rows(world)
        assert case["summary"] == "The books of 2026-11-25 do not add up: asset 1: debits 100.00, credits 101.00."


async def case_rows(world: World) -> list[asyncpg.Record]:
    return list(await world.pool.fetch("SELECT kind, status, summary FROM ops_case"))


async def test_nobody_changes_a_close(database_url: str) -> None:
    async with running(database_url) as world:
        for statement in (
            "UPDATE daily_close SET hash = ''",
            "DELETE FROM daily_close",
            "UPDATE trial_balance_row SET debit = 0",
            "DELETE FROM trial_balance_row",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.pool.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE daily_close SET hash = 'another'",
        "UPDATE daily_close SET position = position - 1",
        "UPDATE daily_close SET business_date = business_date - 7",
        "UPDATE daily_close SET totals = jsonb_set(totals, '{0,debit}', '\"1.00\"')",
        "UPDATE daily_close SET totals = '[]'",
        "UPDATE daily_close SET totals = '{}'",
        """UPDATE daily_close SET custody = '[{"asset": 2, "difference": "1.00"}]'""",
        "UPDATE daily_close SET ends_at = ends_at + interval '1 hour'",
        "UPDATE daily_close SET closed_by = 'operator:ann'",
        "DELETE FROM daily_close",
        "INSERT INTO daily_close SELECT (jsonb_populate_record(c, jsonb_build_object("
        "'id', gen_random_uuid(), 'business_date', '2026-11-24'))).* FROM daily_close c",
    ],
)
async def test_a_close_that_a_superuser_changed_is_not_the_one_in_the_log(database_url: str, change: str) -> None:
    async with running(database_url) as world:
        await world.investor(100)
        await world.jump(noon(FRIDAY))
        await Keeping(world).bookkeeper.run_due()
        assert "is not the one that the log tells of" in await found_wrong(world, database_url, change)


OTHER = UUID(int=7)
OTHER_TENANT = f"INSERT INTO tenant VALUES ('{OTHER}', 'another', now())"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE trial_balance_row SET debit = debit + 1, credit = credit + 1", "is not the one that its close names"),
        ("UPDATE trial_balance_row SET accounts = accounts + 1", "is not the one that its close names"),
        ("DELETE FROM trial_balance_row WHERE kind = 3", "is not the one that its close names"),
        ("UPDATE trial_balance_row SET position = position - 1", "is no close's"),
        ("UPDATE trial_balance_row SET credit = 'NaN' WHERE kind = 3", "is not the one that its close names"),
        ("UPDATE trial_balance_row SET kind = 29 WHERE kind = 3", "is not the one that its close names"),
        (f"{OTHER_TENANT}; UPDATE trial_balance_row SET tenant_id = '{OTHER}' WHERE kind = 3", "of this tenant"),
        (f"{OTHER_TENANT}; UPDATE daily_close SET tenant_id = '{OTHER}'", "is not the one that the log tells of"),
    ],
)
async def test_a_trial_balance_that_a_superuser_changed_is_not_the_closes(
    database_url: str, change: str, told: str
) -> None:
    async with running(database_url) as world:
        await world.investor(100)
        await world.jump(noon(MONDAY))
        await world.investor(70)
        await world.jump(noon(date(2026, 12, 2)))
        await Keeping(world).bookkeeper.run_due()
        assert told in await found_wrong(world, database_url, change)


async def found_wrong(world: World, url: str, change: str) -> str:
    """What is said last of a log with which nothing was wrong, once a superuser has made the change."""
    await world.seal()
    said: list[str] = []
    assert await verify_all(url, world.seals, None, said.append)
    root = await asyncpg.connect(url)
    await root.execute(change)
    await root.close()
    assert not await verify_all(url, world.seals, None, said.append)
    return said[-1]


async def test_a_close_of_books_that_the_log_does_not_add_up_to_is_found(database_url: str) -> None:
    """Whoever could change balances before the day was closed has the close itself say so."""
    async with running(database_url) as world:
        await world.investor(100)
        root = await asyncpg.connect(database_url)
        await root.execute("UPDATE ledger.account SET balance = balance + 7 WHERE kind = $1", Kind.SETTLED)
        await root.execute("UPDATE ledger.account SET balance = balance - 7 WHERE kind = $1", Kind.FBO)
        await root.close()
        await world.jump(noon(MONDAY))
        await Keeping(world).bookkeeper.run_due()
        assert all(close.balanced for close in await Keeping(world).closes())
        await world.seal()
        said: list[str] = []
        assert not await verify_all(database_url, world.seals, None, said.append)
        assert "the trial balance of 2026-11-25 is not what the log adds up to" in said[-1]


async def test_a_tenant_in_which_nothing_happened_has_nothing_to_close(database_url: str) -> None:
    async with running(database_url) as world:
        await world.jump(noon(MONDAY) + timedelta(days=30))
        await Keeping(world).bookkeeper.run_due()
        assert await Keeping(world).closes() == []
