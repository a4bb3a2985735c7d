"""Reconciling: what the sandbox's custodian and bank remember by themselves, beside our books."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from app.accounting.bookkeeper import TRY_AGAIN, Bookkeeper, asset_codes
from app.accounting.business_days import ends_at
from app.accounting.decide import Decide, approve
from app.accounting.paper_custodian import PaperCustodian
from app.accounting.propose import ProposeJournal, ProposeReversal, propose_journals, propose_reversals
from app.accounting.reconcile import Reconcile, reconcile
from app.accounting.statement import KEPT_ELSEWHERE, read_statement
from app.accounting.types import Break, Line
from app.infra.database import EngineConnection
from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.chart import USD, Kind
from app.ledger.types import Journal
from app.market.types import Side
from tests.accounting.keeping import ANN, BOB, Keeping, moving
from tests.accounting.test_trial_balance import busy
from tests.ledger.archiving import take_out
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio


async def settled(world: World) -> Keeping:
    """Trades that the custodian and the bank have settled, and some that they have not."""
    keeping = await busy(world)
    await world.jump(datetime(2026, 11, 30, 15, tzinfo=UTC))
    ann = await world.investor(50)
    await world.place(ann, Side.BUY, "MSFT", amount="20.00")
    await world.pass_time(200)
    return keeping


async def write(world: World, *lines: Line) -> None:
    """Post by hand what nobody outside hears of."""
    id_ = await world.commits.submit(propose_journals, ProposeJournal(lines, "A test", ANN))
    await world.commits.submit(approve, Decide(id_, BOB))


async def test_books_and_custodian_agree(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        found = await keeping.reconcile()
        assert found.breaks == []
        assert found.compared == 4, "AAPL and three accounts of dollars"
        assert found.as_of == world.clock.now()
        assert await keeping.cases() == []
        file = await keeping.custodian.file(world.commits.journal, None)
        assert "CUSTODIAN,AAPL," in file
        assert "MSFT" not in file, "it has not settled"


async def test_what_the_custodian_was_not_told_is_a_break_until_it_is_gone(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        aapl = world.instrument("AAPL").id
        await write(
            world, Line(Kind.CUSTODIAN, Kind.STREET, aapl, 2 * UNIT), Line(Kind.CASH, Kind.FIRM_BANK, USD, UNIT)
        )
        found = await keeping.reconcile()
        [cash, shares] = sorted(found.breaks, key=lambda each: each.asset)
        assert (cash.account, cash.difference) == (Kind.FIRM_BANK, UNIT)
        assert (shares.account, shares.asset, shares.difference) == (Kind.CUSTODIAN, aapl, -2 * UNIT)
        assert await keeping.cases() == [("CASH_BREAK", "OPEN", "OPENED"), ("POSITION_BREAK", "OPEN", "OPENED")]
        await keeping.reconcile()
        await write(world, Line(Kind.STREET, Kind.CUSTODIAN, aapl, 2 * UNIT))
        await keeping.reconcile()
        await write(world, Line(Kind.FIRM_BANK, Kind.CASH, USD, UNIT))
        for _ in range(2):
            assert (await keeping.reconcile()).breaks == []
        assert await keeping.cases() == [
            ("CASH_BREAK", "OPEN", "OPENED REPORTED_AGAIN REPORTED_AGAIN NOTED"),
            ("POSITION_BREAK", "OPEN", "OPENED REPORTED_AGAIN NOTED"),
        ]


async def test_the_custodian_remembers_by_itself(database_url: str) -> None:
    """Its record is its own: it can be wrong where our books are not, and the other way round."""
    async with running(database_url) as world:
        keeping = await settled(world)
        assert (await keeping.reconcile()).breaks == []
        root = await asyncpg.connect(database_url)
        await move_fbo(root, -5)
        assert [each.difference for each in (await keeping.reconcile()).breaks] == [-5 * UNIT]
        await move_fbo(root, 5)
        await root.execute("UPDATE paper.custody_movement SET amount = amount + 1 WHERE sequence = 1")
        await root.close()
        assert len((await keeping.reconcile()).breaks) == 3


async def move_fbo(superuser: EngineConnection, dollars: int) -> None:
    """Have our log say that other money stands at the bank than was moved: only a superuser can."""
    await superuser.execute("ALTER TABLE ledger.transfer DISABLE TRIGGER append_only")
    for side in ("debit", "credit"):
        await superuser.execute(
            f"UPDATE ledger.transfer SET {side}_balance = {side}_balance + $1"
            f" WHERE {side}_account_id & 31 = $2 AND ({side}_account_id >> 5) & 1048575 = 1",
            dollars,
            Kind.FBO,
        )


async def test_a_reversed_deposit_is_a_break_until_the_bank_has_moved_too(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        at = await world.pool.fetchval("SELECT position FROM ledger.event WHERE type = 'DEPOSIT'")
        id_ = await world.commits.submit(propose_reversals, ProposeReversal(at, "A mistake", ANN))
        await world.commits.submit(approve, Decide(id_, BOB))
        assert (await keeping.reconcile()).breaks == [Break(Kind.FBO, USD, 0, 100 * UNIT)]
        assert (await world.cash(investor)).total == 0


async def test_a_file_counts_as_of_its_own_moment_whenever_it_comes(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        then = world.clock.now()
        file = await keeping.custodian.file(world.commits.journal, None)
        world.clock.advance(timedelta(seconds=1))
        await world.investor(1_000)
        await world.jump(datetime(2026, 12, 2, 15, tzinfo=UTC))
        await keeping.bookkeeper.run_due()
        found = await keeping.reconcile(file=file)
        assert (found.as_of, found.breaks) == (then, [])
        assert [run.breaks for run in await keeping.runs()] == [[]] * 5
        early = file.replace("2026-11-30", "2026-11-27")
        breaks = (await keeping.reconcile(file=early)).breaks
        assert {each.account for each in breaks} == set(KEPT_ELSEWHERE), "nothing had settled by then"


async def test_daily_after_the_close_and_once(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        await keeping.bookkeeper.run_due()
        await keeping.bookkeeper.run_due()
        runs = await keeping.runs()
        assert [run.business_date for run in runs] == [date(2026, 11, 25), date(2026, 11, 27)]
        assert [run.breaks for run in runs] == [[], []]
        assert runs[0].as_of == datetime(2026, 11, 26, 4, 59, 59, 999_999, tzinfo=UTC)
        assert (runs[0].source, runs[0].run_by) == ("paper", "engine")
        assert await keeping.cases() == []


class Overtaken(PaperCustodian):
    """A custodian of whose file something is dated back while it is on its way, once."""

    def __init__(self, world: World) -> None:
        super().__init__(world.pool, world.clock)
        self.world = world
        self.asked = 0

    async def file(self, journal: Journal, as_of: datetime | None) -> str:
        text = await super().file(journal, as_of)
        self.asked += 1
        if self.asked == 1:
            await moving(self.world, [WEDNESDAY])
        return text


async def test_what_is_dated_back_while_the_file_is_on_its_way_is_no_break(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        custodian = Overtaken(world)
        bookkeeper = Bookkeeper(world.pool, world.writers, world.market, custodian, clock=world.clock)
        await bookkeeper.run_due()
        assert await keeping.runs() == [], "it is asked for again later"
        await bookkeeper.run_due()
        assert custodian.asked == 3
        assert [run.breaks for run in await keeping.runs()] == [[], []]
        assert await keeping.cases() == []


async def test_what_is_dated_back_before_the_file_is_compared_does_not_count(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        text = await keeping.custodian.file(world.commits.journal, None)
        known = await keeping.head()
        await moving(world, [WEDNESDAY, WEDNESDAY])
        statement = read_statement(text, "paper", await asset_codes(world.pool))
        for until, differences in ((known, []), (known + 1, [UNIT]), (None, [2 * UNIT])):
            await world.commits.submit(reconcile, Reconcile(statement, ANN, known=until))
            assert [abs(each.difference) for each in (await keeping.runs())[-1].breaks] == differences


async def test_a_file_speaks_only_for_the_accounts_that_it_names(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await settled(world)
        now = world.clock.now().isoformat()
        found = await keeping.reconcile(file=f"as_of,account,asset,balance\n{now},CUSTODIAN,KO,1\n")
        assert [(each.account, each.asset) for each in found.breaks] == [
            (Kind.CUSTODIAN, world.instrument("AAPL").id),
            (Kind.CUSTODIAN, world.instrument("KO").id),
        ]
        assert {kind for kind, _, _ in await keeping.cases()} == {"POSITION_BREAK"}


class Silent:
    """A custodian whose file is late, and then can't be read."""

    name = "silent"
    asked = 0

    async def file(self, journal: Journal, as_of: datetime | None) -> str:
        self.asked += 1
        if self.asked == 1:
            raise LookupError("it has not come yet")
        return "nonsense"


async def test_a_file_that_does_not_come_is_a_case_too_and_asked_for_again_later(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, silent = await settled(world), Silent()
        bookkeeper = Bookkeeper(world.pool, world.writers, world.market, silent, clock=world.clock)
        for _ in range(3):
            await bookkeeper.run_due()
        assert silent.asked == 1
        world.clock.advance(TRY_AGAIN)
        await bookkeeper.run_due()
        assert silent.asked == 2
        assert await keeping.cases() == [("RECONCILIATION_FAILED", "OPEN", "OPENED REPORTED_AGAIN")]
        assert await keeping.runs() == []
        await keeping.bookkeeper.run_due()
        assert len(await keeping.runs()) == 2


async def test_several_who_listen_at_once_hear_everything_once(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        others = [PaperCustodian(world.pool, world.clock) for _ in range(3)]
        for _ in range(5):
            work = [other.file(world.commits.journal, None) for other in others]
            await asyncio.gather(*work, world.investor(10), world.investor(20))
        assert (await keeping.reconcile()).breaks == []
        there = await world.pool.fetchval("SELECT count(*) FROM paper.custody_movement")
        assert there == 10, "one movement of the bank account for each deposit"


async def test_what_is_archived_is_compared_with_no_file_and_holds_nothing_up(
    database_url: str, tmp_path: Path
) -> None:
    """Days that were closed and never reconciled: no file came, and their entries have left the log."""
    root = await asyncpg.connect(database_url)
    async with running(database_url) as world:
        await root.execute("UPDATE ledger.journal SET partition_size = 5")
        keeping, journal = Keeping(world), world.commits.journal
        await world.investor(10)
        early = await keeping.custodian.file(journal, None)
        await world.jump(datetime(2026, 11, 30, 15, tzinfo=UTC))
        for dollars in (20, 30, 40):
            await world.investor(dollars)
        await Bookkeeper(world.pool, world.writers, world.market, None, clock=world.clock).run_due()
        await world.jump(datetime(2026, 12, 1, 15, tzinfo=UTC))
        async with world.pool.acquire() as connection:
            await prove(connection, journal, world.clock)
        await take_out(database_url, journal.id, tmp_path, WEDNESDAY.replace(month=12, day=2))
        assert await root.fetchval("SELECT archived_effective_at FROM ledger.journal_head") > ends_at(
            date(2026, 11, 27)
        )
        await keeping.bookkeeper.run_due()
        assert [run.business_date for run in await keeping.runs()] == [date(2026, 11, 30)]
        statement = read_statement(early, "paper", await asset_codes(world.pool))
        code, message = await keeping.refusal(reconcile, Reconcile(statement, ANN))
        assert code == "FILE_INVALID"
        assert "is archived" in message
    await root.close()
