"""Faults that were found once by reading: reports that meet in any order, plans made beside other commits, backlogs."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side
from app.orders import gather, recover, reports, run, share_out_many, stop
from app.orders.cancel import CancelOrder, cancel
from app.orders.hear import Told
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.operate import ForceExpire, force_expire
from app.orders.replace import ReplaceOrder, replace_orders
from app.orders.reports import apply_reports
from app.orders.route import as_sent
from app.orders.statement import Gather
from app.orders.types import OrderStatus, Replacement
from app.risk.types import RuleKind
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Change, Report, ReportKind
from tests.orders.checks import faults_in_the_books
from tests.orders.test_busts import SILENT, market_order_of, says, sums
from tests.orders.test_controls import rule
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def with_the_venue(world: World, side: Side, customers: int) -> tuple[list[UUID], UUID]:
    """As many orders of 20 shares, of one market order that the venue has."""
    people = [await world.investor(20_000) for _ in range(customers)]
    if side is Side.SELL:
        bought = [await world.place(each, Side.BUY, "KO", quantity="20") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, bought[0])
        await says(world, made, ReportKind.EXECUTION, "zero", 20 * customers, 100)
        await world.engine._intake.share_out(made)
    orders = [await world.place(each, side, "KO", quantity="20") for each in people]
    await world.pass_time(100)
    return orders, await market_order_of(world, orders[0])


async def wants_out(world: World, order: UUID, made: UUID) -> int | None:
    """The order is canceled and the venue is asked: for how many shares, or for none (None)."""
    await world.commits.submit(cancel, CancelOrder(order, "test"))
    asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
    assert asked is not None
    return asked.quantity


async def tell(world: World, told: Sequence[Report], how: str) -> None:
    """One commit after the other; or all in one; or in the other order, as a lost report that comes in the end."""
    if how == "in one commit":
        dates = world.market.trade_dates(world.instrument("KO"), told[0].at)
        await asyncio.gather(*(world.commits.submit(apply_reports, Told(each, *dates)) for each in told))
        return
    for each in reversed(told) if how == "the end first" else told:
        await world.told(each)
        if how != "before the run":
            await world.engine._intake.share_out(each.client_order_id)
    await world.engine._intake.share_out(told[0].client_order_id)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("how", ["one by one", "in one commit", "the end first"])
async def test_what_was_dealt_before_the_venue_canceled_is_the_customers(
    database_url: str, side: Side, how: str
) -> None:
    """A fill after a cancel is a fill: however the venue's reports meet."""
    async with running(database_url, SILENT) as world:
        [order], made = await with_the_venue(world, side, 1)
        assert await wants_out(world, order, made) is None
        at = world.clock.now()
        dealt = Report("paper", made, ReportKind.EXECUTION, at, "one", 15 * UNIT, 100 * UNIT, 15 * UNIT)
        ended = Report("paper", made, ReportKind.CANCELED, at, number=1, cumulative_quantity=15 * UNIT)
        await tell(world, [dealt, ended], how)
        found = await world.order(order)
        assert (found.status, found.filled_quantity) == (OrderStatus.CANCELED, 15 * UNIT)
        assert not {"inventory shares", "short shares"} & (await sums(world)).keys()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("how", ["one by one", "in one commit", "before the run"])
async def test_what_was_dealt_before_the_venue_lowered_is_the_leavers(
    database_url: str, monkeypatch: pytest.MonkeyPatch, side: Side, how: str
) -> None:
    """The venue had dealt more than it was asked to leave: that is what those who stay can't take."""
    if how == "before the run":
        for module in (gather, reports, run, share_out_many):
            monkeypatch.setattr(module, "CHUNK", 1)
    async with running(database_url, SILENT) as world:
        [leaves, stays], made = await with_the_venue(world, side, 2)
        await says(world, made, ReportKind.EXECUTION, "one", 20, 100)
        await world.engine._intake.share_out(made)
        assert await wants_out(world, leaves, made) == 30 * UNIT
        at = world.clock.now()
        dealt = Report("paper", made, ReportKind.EXECUTION, at, "two", 15 * UNIT, 100 * UNIT, 35 * UNIT)
        lowered = Report(
            "paper", made, ReportKind.REPLACED, at, number=1, order_quantity=35 * UNIT, cumulative_quantity=35 * UNIT
        )
        await tell(world, [dealt, lowered], how)
        assert [(await world.order(each)).filled_quantity // UNIT for each in (leaves, stays)] == [15, 20]
        assert not {"inventory shares", "short shares"} & (await sums(world)).keys()


@pytest.mark.parametrize("side", Side)
async def test_who_leaves_waits_for_a_deal_that_got_lost(database_url: str, side: Side) -> None:
    """The venue says how much it had dealt when it agreed; more than we know of, so something is under way."""
    async with running(database_url, SILENT) as world:
        [leaves, stays], made = await with_the_venue(world, side, 2)
        await says(world, made, ReportKind.EXECUTION, "one", 10, 100)
        assert await wants_out(world, leaves, made) == 25 * UNIT
        at = world.clock.now()
        lost = Report("paper", made, ReportKind.EXECUTION, at, "two", 10 * UNIT, 100 * UNIT, 20 * UNIT)
        agreed = Report(
            "paper", made, ReportKind.REPLACED, at, number=1, order_quantity=25 * UNIT, cumulative_quantity=20 * UNIT
        )
        assert (await world.told(agreed)).heard is reports.Heard.ASK_AGAIN
        assert (await world.order(leaves)).status is OrderStatus.PENDING_CANCEL
        await world.told(lost)
        await world.told(agreed)
        await says(world, made, ReportKind.EXECUTION, "three", 5, 100)
        found = [await world.order(each) for each in (leaves, stays)]
        assert [(each.filled_quantity // UNIT, each.status) for each in found] == [
            (5, OrderStatus.CANCELED),
            (20, OrderStatus.FILLED),
        ]
        assert not {"inventory shares", "short shares"} & (await sums(world)).keys()


@pytest.mark.parametrize("side", Side)
async def test_what_the_departed_have_is_true_after_a_bust_that_comes_after_the_end(
    database_url: str, side: Side
) -> None:
    async with running(database_url, SILENT) as world:
        [leaves, stays], made = await with_the_venue(world, side, 2)
        await says(world, made, ReportKind.EXECUTION, "one", 20, 100)
        assert await wants_out(world, leaves, made) == 30 * UNIT
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=30 * UNIT))
        await says(world, made, ReportKind.EXECUTION, "two", 10, 120)
        assert (await world.order(stays)).status is OrderStatus.FILLED
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        departed = await world.pool.fetchval(
            "SELECT departed_quantity * 100000000 FROM market_order WHERE id = $1", made
        )
        assert departed == (await world.order(leaves)).filled_quantity
        async with world.pool.acquire() as connection:
            assert not await faults_in_the_books(connection, world.commits.journal.id)


async def test_a_price_that_falls_while_a_seller_wants_out_is_not_the_houses(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        [leaves, stays], made = await with_the_venue(world, Side.SELL, 2)
        await says(world, made, ReportKind.EXECUTION, "one", 20, 100)
        assert await wants_out(world, leaves, made) == 30 * UNIT
        await says(world, made, ReportKind.EXECUTION, "two", 9, 50)
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=30 * UNIT))
        await says(world, made, ReportKind.EXECUTION, "three", 1, 50)
        found = [await world.order(each) for each in (leaves, stays)]
        assert [each.filled_quantity for each in found] == [10 * UNIT, 20 * UNIT]
        assert sum(each.filled_amount for each in found) == 2_500 * UNIT
        async with world.pool.acquire() as connection:
            assert not await faults_in_the_books(connection, world.commits.journal.id)


async def test_a_kill_switch_ends_all_that_is_open_within_a_second(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is open: the changelog says so."""
    monkeypatch.setattr(stop, "CHUNK", 2)
    async with running(database_url, SILENT) as world:
        people = [await world.investor(300) for _ in range(8)]
        ids = await asyncio.gather(*(world.place(each, Side.BUY, "KO", quantity="1", limit="95.00") for each in people))
        await world.pass_time(500)
        await rule(world, RuleKind.KILL_SWITCH)
        world.engine.look()
        await world.pass_time(1_000)
        told = [(await world.order(each)).status for each in ids]
        assert not {OrderStatus.ACCEPTED, OrderStatus.NEW} & set(told)


async def test_what_is_dealt_during_the_run_of_a_few_is_not_taken_for_a_bust(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(1_000) for _ in range(2)]
        stays, leaves = [
            await world.place(each, Side.BUY, "KO", quantity=quantity, limit="101.00")
            for each, quantity in zip(people, ("2.9", "0.06"), strict=True)
        ]
        await world.pass_time(200)
        made = await market_order_of(world, stays)
        await says(world, made, ReportKind.EXECUTION, "one", 1, 100)
        left_at = await world.order(leaves)
        await world.commits.submit(cancel, CancelOrder(leaves, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert await share_out_many.begin_run(world.pool, made)
        await says(world, made, ReportKind.EXECUTION, "two", 2, 70)
        await world.engine._intake.share_out(made)
        found = await world.order(leaves)
        told = "SELECT type FROM ledger.event WHERE correlation = ANY ($1)"
        types = {row["type"] for row in await world.pool.fetch(told, [stays, leaves])}
        assert (found.filled_quantity, found.filled_amount) == (left_at.filled_quantity, left_at.filled_amount)
        assert "ORDER_TRADE_CORRECTED" not in types


@pytest.mark.parametrize("instead", [None, 1_500])
async def test_an_order_by_amount_that_leaves_with_a_part_of_it_ends_as_was_wished(
    database_url: str, instead: int | None
) -> None:
    async with running(database_url, SILENT) as world:
        people = [await world.investor(5_000) for _ in range(2)]
        leaves, stays = [await world.place(each, Side.BUY, "KO", amount="1000.00") for each in people]
        await world.pass_time(100)
        made = await market_order_of(world, stays)
        await says(world, made, ReportKind.EXECUTION, "one", 10, 100)
        if instead is None:
            await world.commits.submit(cancel, CancelOrder(leaves, "test"))
        else:
            quote = world.market.quote(world.instrument("KO").id)
            assert quote is not None
            terms = (await world.order(leaves)).terms
            wanted = Replacement(new_id(), instead * UNIT, None, terms, "test")
            await world.commits.submit(replace_orders, ReplaceOrder(leaves, wanted, quote))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        assert asked.quantity is not None
        await says(world, made, ReportKind.EXECUTION, "two", asked.quantity // UNIT - 10, 100)
        at = world.clock.now()
        await world.told(Report("paper", made, ReportKind.REPLACED, at, number=1, order_quantity=asked.quantity))
        found = await world.order(leaves)
        assert found.filled_amount < 800 * UNIT
        assert found.status is (OrderStatus.CANCELED if instead is None else OrderStatus.REPLACED)


async def test_a_sale_that_is_refused_leaves_everything_to_the_next_of_its_commit(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(2_000)
        await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(200)
        refused, everything = await asyncio.gather(
            world.place(ann, Side.SELL, "KO", quantity="4", limit="10.00"),  # outside the collar
            world.place(ann, Side.SELL, "KO", everything=True),
            return_exceptions=True,
        )
        assert isinstance(refused, Refusal)
        assert isinstance(everything, UUID)
        assert (await world.order(everything)).quantity == 10 * UNIT


async def test_what_is_ended_by_force_while_its_run_is_planned_gets_nothing_of_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (gather, reports, run, share_out_many):
        monkeypatch.setattr(module, "CHUNK", 1)
    planned, begun, may = share_out_many._planned, threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> Any:
        begun.set()
        assert may.wait(20)
        return planned(*arguments)

    monkeypatch.setattr(share_out_many, "_planned", slowly)
    async with running(database_url, SILENT) as world:
        [forced, _], made = await with_the_venue(world, Side.BUY, 2)
        await says(world, made, ReportKind.EXECUTION, "one", 40, 100)
        planning = asyncio.create_task(share_out_many.begin_run(world.pool, made))
        assert await asyncio.to_thread(begun.wait, 20)
        await world.commits.submit(force_expire, ForceExpire(forced, "stuck", "operator:test"))
        may.set()
        assert await planning
        await world.engine._intake.share_out(made)
        found = await world.order(forced)
        assert (found.status, found.filled_quantity) == (OrderStatus.EXPIRED, 0)


@pytest.mark.parametrize("side", Side)
async def test_who_comes_back_after_a_crash_gives_the_customer_what_was_dealt(database_url: str, side: Side) -> None:
    """The process died before it could take in the deal and the end that its venue had told it."""
    slow = PaperBehaviour(split=1.0, first_ms=(60, 60), next_ms=(10**8, 10**8), answer_ms=(5, 5), slip_cents=0)
    async with running(database_url, slow) as world:
        [order], made = await with_the_venue(world, side, 1)
        world.clock.advance(timedelta(milliseconds=100))
        assert ReportKind.EXECUTION in {each.kind for each in await world.venue.reports(world.clock.now())}
        await world.commits.submit(cancel, CancelOrder(order, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
        assert asked is not None
        await world.venue.change(Change(as_sent(asked.market_order), asked.number, asked.replaces, asked.quantity))
        world.clock.advance(timedelta(milliseconds=100))
        assert ReportKind.CANCELED in {each.kind for each in await world.venue.reports(world.clock.now())}
        restarted = PaperVenue(world.pool, world.market, clock=world.clock, behaviour=slow)
        told = await restarted.reports(world.clock.now())
        await world.engine._intake.take_in(restarted, told)
        dealt = max(each.cumulative_quantity for each in told if each.client_order_id == made)
        assert 0 < dealt < 20 * UNIT
        found = await world.order(order)
        assert (found.status, found.filled_quantity) == (OrderStatus.CANCELED, dealt)


async def test_who_takes_over_goes_on_with_all_that_is_open(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "_OPEN", recover._OPEN.replace("LIMIT 500", "LIMIT 1"))
    async with running(database_url, SILENT) as world:
        ko = world.instrument("KO")
        for limit in ("95.00", "96.00", "97.00"):
            order = await world.order(
                await world.place(await world.investor(300), Side.BUY, "KO", quantity="1", limit=limit)
            )
            dates, price = world.market.trade_dates(ko), order.terms.limit_price
            assert price is not None
            command = Gather(order.group, world.clock.now(), price, True, "paper", *dates)
            assert (await world.commits.submit(gather.gather, command)).market_order is not None
        await world.pass_time(1_000)
        assert await world.pool.fetchval("SELECT count(*) FROM venue_order WHERE sent_at IS NULL") == 0


async def test_a_venue_that_refuses_is_asked_about_the_order_also_where_many_take_part(database_url: str) -> None:
    """It may not know the order: of one that got lost on its way nobody else would find out while requests go on."""
    async with running(database_url, SILENT) as world:
        _, made = await with_the_venue(world, Side.BUY, 2)
        intake = world.engine._intake
        refused = Report("paper", made, ReportKind.CHANGE_REJECTED, world.clock.now(), number=1)
        intake._follow(refused, reports.Outcome(reports.Heard.RUN))
        assert made in intake.to_ask
        assert made in intake.to_run
