"""Orders that want to leave, are ended or replaced while deals, runs and answers are under way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.kernel.money import CENT, UNIT
from app.market.types import Side
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.hear import Told
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.operate import ForceExpire, force_expire
from app.orders.reports import apply_reports
from app.orders.request import Size
from app.orders.share_out_many import begin_run, share_out_chunk
from app.orders.types import OrderStatus
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.orders.dealing import Dealing, Wish
from tests.orders.test_busts import SILENT, all_is_accounted_for, market_order_of, says
from tests.orders.test_faults_once_found import many
from tests.orders.test_leading import another_process
from tests.orders.test_replace import resting, wants
from tests.world import World, running


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gather, reports, run, share_out_many):
        monkeypatch.setattr(module, "CHUNK", 3)


async def shared_out(world: World, made: UUID) -> None:
    """Runs until nothing is left."""
    while await begin_run(world.pool, made):
        while (await world.commits.submit(share_out_chunk, made)).more:
            pass


def wants_to_leave(dealing: Dealing, number: int) -> None:
    """The cancel is recorded; the venue has not agreed yet."""
    was = dealing.participants[number]
    order = replace(was.order, ends_as=OrderStatus.CANCELED, status=OrderStatus.PENDING_CANCEL)
    dealing.participants[number] = replace(was, order=order)


@pytest.mark.parametrize("side", Side)
def test_a_fall_in_price_while_a_cancel_is_with_the_venue_is_nobodys_loss(side: Side) -> None:
    """A and B share 20 at $100. B cancels; before the venue agrees A gets 20 more at $50. $3,000 was dealt."""
    dealing = Dealing(side, [Wish(Size(quantity=30 * UNIT), owned=30 * UNIT) for _ in range(2)], 100 * UNIT)
    dealing.execute(20 * UNIT, 100 * UNIT)
    wants_to_leave(dealing, 1)
    dealing.execute(20 * UNIT, 50 * UNIT)
    dealing.leave(1)
    assert [order.filled_quantity for order in dealing.orders] == [30 * UNIT, 10 * UNIT]
    assert sum(order.filled_amount for order in dealing.orders) == dealing.fill.amount == 3_000 * UNIT


@pytest.mark.parametrize("side", Side)
def test_who_gets_no_more_shares_after_a_cancel_neither_pays_nor_gets_more(side: Side) -> None:
    """A and B share 20 at $100. B cancels; before the venue agrees A gets 20 more at $200, of which B has none."""
    dealing = Dealing(side, [Wish(Size(quantity=30 * UNIT), owned=30 * UNIT) for _ in range(2)], 100 * UNIT)
    dealing.execute(20 * UNIT, 100 * UNIT)
    wants_to_leave(dealing, 1)
    dealing.execute(20 * UNIT, 200 * UNIT)
    assert (dealing.orders[1].filled_quantity, dealing.orders[1].filled_amount) == (10 * UNIT, 1_000 * UNIT)


def test_a_refused_cancel_costs_the_house_nothing() -> None:
    dealing = Dealing(Side.SELL, [Wish(Size(quantity=30 * UNIT), owned=30 * UNIT) for _ in range(2)], 100 * UNIT)
    dealing.execute(20 * UNIT, 100 * UNIT)
    wants_to_leave(dealing, 1)
    dealing.execute(20 * UNIT, 100 * UNIT)
    was = dealing.participants[1]
    stays = replace(was.order, ends_as=None, status=OrderStatus.PARTIALLY_FILLED)
    dealing.participants[1] = replace(was, order=stays)
    dealing.execute(19 * UNIT, 50 * UNIT)
    dealing.execute(UNIT, 50 * UNIT)
    assert dealing.house is not None
    assert sum(order.filled_amount for order in dealing.orders) <= dealing.fill.amount


def test_a_partial_fill_gives_a_buyer_by_amount_no_more_than_the_sum_pays_for() -> None:
    """$1,000 at a quote of $100; the venue deals 9 at $200 and cancels the rest in a later report."""
    dealing = Dealing(Side.BUY, [Wish(Size(amount=1_000 * UNIT))], 100 * UNIT)
    dealing.execute(9 * UNIT, 200 * UNIT)
    dealing.execute(0, 200 * UNIT, ends=True)
    [order] = dealing.orders
    assert order.filled_quantity == 5 * UNIT
    assert dealing.house is not None
    assert dealing.house.amount == dealing.house.shares * 200


def test_an_execution_that_is_worth_nothing_can_be_shared_out() -> None:
    """One unit of 1e-8 at $0.40 is $0 in the ledger; the rest is canceled."""
    dealing = Dealing(Side.BUY, [Wish(Size(amount=5 * UNIT))], 40 * CENT, whole_shares=False)
    dealing.execute(1, 40 * CENT, ends=True)
    assert dealing.house is not None


@pytest.mark.asyncio
async def test_what_is_executed_during_a_run_of_few_is_not_taken_for_a_correction(database_url: str) -> None:
    """Ann leaves at once, as what is left of hers is a part of a share; before she is let go of, more is dealt."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(5_000) for _ in range(2)]
        sizes = ("10.5", "9.5")
        ann, bob = [
            await world.place(each, Side.BUY, "KO", quantity=size, limit="110")
            for each, size in zip(people, sizes, strict=True)
        ]
        await world.pass_time(100)
        made = await market_order_of(world, ann)
        await says(world, made, ReportKind.EXECUTION, "one", 19, 100)
        before = await world.order(ann)
        await world.commits.submit(cancel, CancelOrder(ann, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        assert asked.without_asking is ReportKind.REPLACED
        assert await begin_run(world.pool, made)
        await says(world, made, ReportKind.EXECUTION, "two", 1, 110)
        await shared_out(world, made)
        order = await world.order(ann)
        assert order.status is OrderStatus.CANCELED
        assert (order.filled_quantity, order.filled_amount) == (before.filled_quantity, before.filled_amount)
        corrected = "SELECT count(*) FROM ledger.event WHERE type = 'ORDER_TRADE_CORRECTED'"
        assert await world.pool.fetchval(corrected) == 0
        assert (await world.order(bob)).filled_quantity == 950_000_000
        await all_is_accounted_for(world)


@pytest.mark.asyncio
@pytest.mark.usefixtures("small_chunks")
async def test_what_is_force_expired_while_a_run_is_planned_is_not_filled(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is made beside the journal's lock: between its reading and its writing an operator ends an order."""
    write = share_out_many._write

    async def expired_meanwhile(*plan: object) -> None:
        monkeypatch.setattr(share_out_many, "_write", write)
        await world.commits.submit(force_expire, ForceExpire(max(ids), "stuck", "test"))
        book = (await world.account((await world.order(max(ids))).account_id)).book_id
        await world.commits.submit(withdraw, CashMovement(book, 300 * UNIT, "test"))
        await write(*plan)  # type: ignore[arg-type]

    async with running(database_url, SILENT) as world:
        ids = await many(world, 7)
        await world.pass_time(200)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 7, 100)
        monkeypatch.setattr(share_out_many, "_write", expired_meanwhile)
        await shared_out(world, made)
        order = await world.order(max(ids))
        assert order.status is OrderStatus.EXPIRED
        assert order.filled_quantity == 0
        assert await world.pool.fetchval("SELECT count(*) FROM ledger.account WHERE kind = 9 AND balance < 0") == 0


@pytest.mark.asyncio
@pytest.mark.usefixtures("small_chunks")
async def test_the_house_is_not_short_because_one_left_during_a_run(database_url: str) -> None:
    """The venue is asked for less by all that a leaver has not been given yet, also what a run has planned for it."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(300) for _ in range(6)]
        ids = [await world.place(each, Side.BUY, "KO", quantity="2", limit="101") for each in people]
        await world.pass_time(200)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 6, 100)
        assert await begin_run(world.pool, made)
        leaver = max(ids)
        await world.commits.submit(cancel, CancelOrder(leaver, "test"))
        assert await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True)) is None
        await shared_out(world, made)
        assert (await world.order(leaver)).filled_quantity == UNIT, "planned before it wanted to leave"
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        assert asked.quantity is not None
        at = world.clock.now()
        await world.told(
            Report("paper", made, ReportKind.REPLACED, at, number=asked.number, order_quantity=asked.quantity)
        )
        await says(world, made, ReportKind.EXECUTION, "two", asked.quantity // UNIT - 6, 100)
        await shared_out(world, made)
        assert await world.pool.fetchval("SELECT customers_quantity <= filled_quantity FROM market_order")
        assert await world.pool.fetchval("SELECT count(*) FROM ledger.account WHERE kind = 23 AND balance < 0") == 0


@pytest.mark.asyncio
@pytest.mark.usefixtures("small_chunks")
async def test_a_force_expired_sell_does_not_stop_the_run_that_was_being_planned(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above; its shares are behind another order by now, so the ledger refuses the fact, for ever."""
    write = share_out_many._write

    async def expired_meanwhile(*plan: object) -> None:
        monkeypatch.setattr(share_out_many, "_write", write)
        await world.commits.submit(force_expire, ForceExpire(last, "stuck", "test"))
        await world.place(people[last], Side.SELL, "KO", quantity="1")
        await write(*plan)  # type: ignore[arg-type]

    async with running(database_url, SILENT) as world:
        bought = await many(world, 7)
        await world.pass_time(200)
        made = await market_order_of(world, bought[0])
        await says(world, made, ReportKind.EXECUTION, "one", 7, 100)
        await shared_out(world, made)
        people = {}
        for each in bought:
            account = await world.account((await world.order(each)).account_id)
            people[await world.place(account, Side.SELL, "KO", quantity="1")] = account
        last = max(people)
        await world.pass_time(200)
        made = await market_order_of(world, last)
        await says(world, made, ReportKind.EXECUTION, "two", 7, 100)
        monkeypatch.setattr(share_out_many, "_write", expired_meanwhile)
        await shared_out(world, made)
        assert (await world.order(last)).filled_quantity == 0


async def told_together(world: World, *reports: Report) -> None:
    """Reports that a venue hands over at once share a commit."""
    dates = world.market.trade_dates(world.instrument("KO"), world.clock.now())
    await asyncio.gather(*(world.commits.submit(apply_reports, Told(each, *dates)) for each in reports))


@pytest.mark.asyncio
@pytest.mark.parametrize("together", [False, True])
async def test_what_was_dealt_before_the_cancel_took_hold_is_the_customers(database_url: str, together: bool) -> None:
    async with running(database_url, SILENT) as world:
        order = await world.place(await world.investor(5_000), Side.BUY, "KO", quantity="10", limit="100")
        await world.pass_time(100)
        made, at = await market_order_of(world, order), world.clock.now()
        await world.commits.submit(cancel, CancelOrder(order, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        reports = [
            Report("paper", made, ReportKind.EXECUTION, at, "one", 5 * UNIT, 100 * UNIT, 5 * UNIT),
            Report("paper", made, ReportKind.CANCELED, at, cumulative_quantity=5 * UNIT, number=1),
        ]
        if together:
            await told_together(world, *reports)
        else:
            for each in reports:
                await world.told(each)
        assert (await world.order(order)).status is OrderStatus.CANCELED
        assert (await world.order(order)).filled_quantity == 5 * UNIT


@pytest.mark.asyncio
@pytest.mark.parametrize("together", [False, True])
async def test_what_was_dealt_before_the_venue_let_go_is_not_delivered_by_the_house(
    database_url: str, together: bool
) -> None:
    """Two sell ten each, one wants to leave; the venue deals 15 before it hears of it, and then deals no more."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(5_000) for _ in range(2)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="10") for each in people]
        await world.pass_time(100)
        await says(world, await market_order_of(world, orders[0]), ReportKind.EXECUTION, "zero", 20, 100)
        orders = [await world.place(each, Side.SELL, "KO", quantity="10", limit="100") for each in people]
        await world.pass_time(100)
        made, at = await market_order_of(world, orders[0]), world.clock.now()
        await world.commits.submit(cancel, CancelOrder(orders[0], "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        reports = [
            Report("paper", made, ReportKind.EXECUTION, at, "one", 15 * UNIT, 100 * UNIT, 15 * UNIT),
            Report(
                "paper",
                made,
                ReportKind.REPLACED,
                at,
                cumulative_quantity=15 * UNIT,
                number=1,
                order_quantity=15 * UNIT,
            ),
        ]
        if together:
            await told_together(world, *reports)
        else:
            for each in reports:
                await world.told(each)
        assert [(await world.order(each)).filled_quantity for each in orders] == [5 * UNIT, 10 * UNIT]
        assert await world.pool.fetchval("SELECT count(*) FROM ledger.account WHERE kind = 23 AND balance < 0") == 0


@pytest.mark.asyncio
async def test_a_fill_and_the_answer_to_a_cancel_in_one_breath_of_the_paper_venue(database_url: str) -> None:
    """As it happens, sooner or later: a look comes late, and both reports are there."""
    behaviour = PaperBehaviour(split=1.0, first_ms=(100, 100), next_ms=(500, 500), answer_ms=(30, 30), slip_cents=0)
    async with running(database_url, behaviour) as world:
        order = await world.place(await world.investor(5_000), Side.BUY, "KO", quantity="10", limit="101")
        await world.pass_time(130, 10)
        made = await market_order_of(world, order)
        world.clock.advance(timedelta(milliseconds=60))  # it deals now
        await world.commits.submit(cancel, CancelOrder(order, "test"))
        await world.engine._dealing.let_go(made, world.commits.journal.id, world.instrument("KO").id)
        world.clock.advance(timedelta(milliseconds=60))  # and has answered
        await world.pass_time(2_000)
        dealt = await world.pool.fetchval("SELECT sum(quantity) FROM execution")
        assert 0 < dealt < 10
        found = await world.order(order)
        assert (found.status, found.filled_quantity) == (OrderStatus.CANCELED, dealt * UNIT)


@pytest.mark.asyncio
async def test_a_market_order_of_nobody_is_canceled_whoever_ended_its_last_order(database_url: str) -> None:
    """The operator's request came to a process that does not lead: it rings, but there is nothing to be found."""
    async with running(database_url) as world, another_process(world) as other:
        await world.engine.run_due()
        order = await world.place(await world.investor(1_000), Side.BUY, "KO", quantity="2", limit="91")
        await world.pass_time(500)
        await world.commits.submit(force_expire, ForceExpire(order, "By phone", "operator:test"))
        found = await world.order(order)
        assert found.market_order_id is not None
        other.notice_leaving(found.market_order_id, found.journal_id, found.instrument_id)
        await world.pass_time(5_000)
        assert await world.pool.fetchval("SELECT status FROM market_order") == "CANCELED"


@pytest.mark.asyncio
async def test_a_lowered_order_that_was_filled_and_busted_before_we_knew_it_was_lowered_is_over(
    database_url: str,
) -> None:
    """The answer to a request gets lost, and is told again after the bust of what had filled the lowered order."""
    async with running(database_url, SILENT) as world:
        people = [await world.investor(5_000) for _ in range(2)]
        stays, leaves = [await world.place(each, Side.BUY, "KO", quantity="10", limit="100") for each in people]
        await world.pass_time(100)
        made, at = await market_order_of(world, stays), world.clock.now()
        await world.commits.submit(cancel, CancelOrder(leaves, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        executions = [
            Report("paper", made, ReportKind.EXECUTION, at, "one", 9 * UNIT, 100 * UNIT, 9 * UNIT),
            Report("paper", made, ReportKind.EXECUTION, at, "two", UNIT, 100 * UNIT, 10 * UNIT),
        ]
        lowered = Report(
            "paper", made, ReportKind.REPLACED, at, cumulative_quantity=9 * UNIT, number=1, order_quantity=10 * UNIT
        )
        bust = Report("paper", made, ReportKind.BUST, at, "bust", refers_to="one", cumulative_quantity=UNIT)
        for report in (*executions, bust, executions[0], lowered, executions[1], bust):
            await world.told(report)
        assert [(await world.order(each)).status for each in (stays, leaves)] == [OrderStatus.CANCELED] * 2


@pytest.mark.asyncio
async def test_what_was_held_for_a_replacement_that_was_stopped_is_freed_when_the_order_stays(
    database_url: str,
) -> None:
    """Five at $95 are to become nine; a kill switch makes it a cancel; the venue refuses: five at $95 stay."""
    async with running(database_url, SILENT) as world:
        old = await resting(world)
        await world.pass_time(500)
        await wants(world, old, quantity=9, terms=old.terms)
        made = await market_order_of(world, old.id)
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        await world.commits.submit(cancel, CancelOrder(old.id, "test", instead_of_replacing=True))
        await world.told(Report("paper", made, ReportKind.CHANGE_REJECTED, world.clock.now(), number=1))
        found = await world.order(old.id)
        assert (found.status, found.held) == (OrderStatus.NEW, 475 * UNIT)


@pytest.mark.asyncio
@pytest.mark.usefixtures("small_chunks")
async def test_what_was_dealt_before_a_cancel_took_hold_is_shared_out_by_a_run_too(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(300) for _ in range(4)]
        orders = [await world.place(each, Side.BUY, "KO", quantity="2", limit="101") for each in people]
        await world.pass_time(200)
        made = await market_order_of(world, orders[0])
        for each in orders:
            await world.commits.submit(cancel, CancelOrder(each, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        await says(world, made, ReportKind.EXECUTION, "one", 4, 100)
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.CANCELED, at, cumulative_quantity=4 * UNIT, number=1))
        await shared_out(world, made)
        assert [(await world.order(each)).filled_quantity for each in orders] == [UNIT] * 4
