"""Faults that an attack on the room once found: each test says what has held since."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.kernel.clock import ManualClock
from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side, TimeInForce
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.engine import OrderEngine
from app.orders.lead import lead
from app.orders.leave import LetGo, ask_to_let_go
from app.orders.operate import ForceExpire, force_expire
from app.orders.route import Sending, mark_sent
from app.orders.settle import SettleDue, settle_due
from app.orders.share_out_many import begin_run, share_out_chunk
from app.orders.statement import Gather
from app.orders.stop import set_rules
from app.orders.types import Group, MarketOrder, OrderStatus, Terms
from app.risk.check import SetRule
from app.risk.types import RuleKind, Scope
from app.venues.paper import PaperBehaviour
from app.venues.port import Report, ReportKind
from tests.orders.test_busts import SILENT, market_order_of, says
from tests.orders.test_controls import rule
from tests.orders.test_replace import limit, resting, wants
from tests.world import World, running

pytestmark = pytest.mark.asyncio


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gather, reports, run, share_out_many):
        monkeypatch.setattr(module, "CHUNK", 3)


async def many(world: World, people: int) -> list[UUID]:
    accounts = [await world.investor(300) for _ in range(people)]
    return list(await asyncio.gather(*(world.place(each, Side.BUY, "KO", quantity="1") for each in accounts)))


async def gathered(world: World) -> MarketOrder:
    """The first chunk of what waits for KO."""
    instrument = world.instrument("KO")
    group = Group(world.commits.journal.id, instrument.id, Side.BUY, Terms())
    world.clock.advance(timedelta(milliseconds=60))
    command = Gather(group, world.clock.now(), 100 * UNIT, True, "paper", *world.market.trade_dates(instrument))
    made = (await world.commits.submit(gather.gather, command)).market_order
    assert made is not None
    return made


async def test_a_bust_while_the_engine_was_away_leaves_no_order_open(database_url: str) -> None:
    behaviour = PaperBehaviour(split=0, bust=1.0, first_ms=(10, 10), aftermath_ms=(500, 500), slip_cents=0)
    async with running(database_url, behaviour) as world:
        order = await world.place(await world.investor(2_000), Side.BUY, "KO", quantity="10")
        await world.pass_time(60, 30)
        await world.jump(world.clock.now() + timedelta(seconds=10))
        await world.jump(datetime(2026, 11, 25, 21, 30, tzinfo=UTC))
        await world.pass_time(10_000, 500)
        assert (await world.order(order)).status.is_final


@pytest.mark.usefixtures("small_chunks")
async def test_a_bust_between_the_end_and_the_run_does_not_keep_it_open(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ids = await many(world, 5)
        await world.pass_time(200)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 3, 100)
        await world.told(Report("paper", made, ReportKind.CANCELED, world.clock.now(), cumulative_quantity=3 * UNIT))
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        while await begin_run(world.pool, made):
            while (await world.commits.submit(share_out_chunk, made)).more:
                pass
        assert {(await world.order(each)).status for each in ids} == {OrderStatus.CANCELED}


@pytest.mark.usefixtures("small_chunks")
async def test_a_cancel_during_gathering_ends_one_order(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        await many(world, 8)
        made = await gathered(world)
        first = await world.pool.fetchval("SELECT min(order_id::text)::uuid FROM allocation")
        await world.commits.submit(cancel, CancelOrder(first, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made.id, True))
        if asked is not None:
            await world.engine._dealing._ask(asked)
        assert await world.pool.fetchval("SELECT count(*) FROM customer_order WHERE status = 'CANCELED'") <= 1


async def test_what_is_canceled_unsent_is_not_sent(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        [order] = await many(world, 1)
        made = await gathered(world)
        await world.commits.submit(cancel, CancelOrder(order, "test"))
        asked, sent = await asyncio.gather(
            world.commits.submit(ask_to_let_go, LetGo(made.id, True)), world.commits.submit(mark_sent, Sending(made.id))
        )
        assert asked is None or asked.without_asking is None or sent is None


async def test_after_a_refused_change_others_can_still_leave(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        terms: dict[str, Any] = {"quantity": "5", "limit": "95", "time_in_force": TimeInForce.GTC}
        ann = await world.place(await world.investor(1_000), Side.BUY, "KO", **terms)
        bob = await world.place(await world.investor(1_000), Side.BUY, "KO", **terms)
        await world.pass_time(500)
        made = await market_order_of(world, ann)
        await world.commits.submit(cancel, CancelOrder(ann, "test"))
        await world.commits.submit(ask_to_let_go, LetGo(made, True))
        await world.told(Report("paper", made, ReportKind.CHANGE_REJECTED, world.clock.now(), number=1))
        await world.commits.submit(cancel, CancelOrder(bob, "test"))
        asked = await world.commits.submit(ask_to_let_go, LetGo(made, True))
        assert asked is not None
        assert asked.number == (await world.order(bob)).change_number == 2


@pytest.mark.usefixtures("small_chunks")
async def test_what_is_force_expired_during_a_run_is_not_filled(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ids = await many(world, 7)
        await world.pass_time(200)
        made = await market_order_of(world, ids[0])
        await says(world, made, ReportKind.EXECUTION, "one", 7, 100)
        await begin_run(world.pool, made)
        await world.commits.submit(force_expire, ForceExpire(max(ids), "stuck", "test"))
        while (await world.commits.submit(share_out_chunk, made)).more:
            pass
        assert (await world.order(max(ids))).filled_quantity == 0


async def test_a_kill_switch_stops_replacements_under_way(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        await world.pass_time(500)
        wanted = await wants(world, old, quantity=6, terms=limit(101))
        await rule(world, RuleKind.KILL_SWITCH, Scope(old.account_id), book=old.book_id)
        await world.pass_time(3_000)
        filled = await world.pool.fetchval("SELECT filled_quantity FROM customer_order WHERE id = $1", wanted.id)
        assert not filled


async def test_a_dated_kill_switch_ends_what_is_open(database_url: str) -> None:
    async with running(database_url) as world:
        old = await resting(world)
        starts = world.clock.now() + timedelta(seconds=2)
        await world.commits.submit(set_rules, SetRule(RuleKind.KILL_SWITCH, "A", "test", effective_from=starts))
        await world.pass_time(6_000, 250)
        assert (await world.order(old.id)).status.is_final


async def test_a_kill_switch_that_has_run_out_ends_nothing(database_url: str) -> None:
    async with running(database_url) as world:
        ends = world.clock.now() + timedelta(seconds=2)
        await world.commits.submit(set_rules, SetRule(RuleKind.KILL_SWITCH, "A", "test", effective_until=ends))
        await world.pass_time(4_000, 250)
        order = await resting(world)
        await world.pass_time(4_000, 250)
        assert not (await world.order(order.id)).status.is_final


async def test_replacing_does_not_get_round_the_daily_value(database_url: str) -> None:
    async with running(database_url) as world:
        await rule(world, RuleKind.MAX_DAILY_VALUE, value=1_000 * UNIT, per_account=True)
        account, worth = await world.investor(100_000), 0
        with contextlib.suppress(Refusal):
            for _ in range(3):
                order = await world.place(account, Side.BUY, "KO", quantity="0.06", limit="100")
                await wants(world, await world.order(order), quantity=9, terms=limit(100))
                worth += 900
        assert worth <= 1_000


async def test_a_larger_replacement_knows_when_its_money_settles(database_url: str) -> None:
    async with running(database_url) as world:
        account = await world.investor(1_000)
        for side in (Side.BUY, Side.SELL):
            await world.place(account, side, "KO", quantity="9")
            await world.pass_time(1_000)
        order = await world.place(account, Side.BUY, "PEP", quantity="0.5", limit="100")
        wanted = await wants(world, await world.order(order), quantity=9, terms=limit(100))
        found = await world.order(wanted.id)
        assert found.funding.unsettled
        assert found.funding_due_on is not None


async def test_a_bust_of_a_sale_over_two_days_settles_nothing_early(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        account = await world.investor(3_000)
        bought = await world.place(account, Side.BUY, "KO", quantity="20")
        await world.pass_time(100)
        await says(world, await market_order_of(world, bought), ReportKind.EXECUTION, "b", 20, 100)
        sold = await world.place(account, Side.SELL, "KO", quantity="20", limit="90", time_in_force=TimeInForce.GTC)
        await world.pass_time(100)
        made = await market_order_of(world, sold)
        await world.jump(datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
        await says(world, made, ReportKind.EXECUTION, "one", 10, 100)
        await world.jump(datetime(2026, 11, 27, 19, 0, tzinfo=UTC))
        await says(world, made, ReportKind.EXECUTION, "two", 10, 100)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="two")
        await world.commits.submit(settle_due, SettleDue(world.market.today()))
        assert (await world.cash(account)).unsettled == 1_000 * UNIT


async def test_no_order_is_dealt_after_its_day(database_url: str) -> None:
    at_once = PaperBehaviour(split=0, acknowledge_ms=(0, 0), first_ms=(0, 0), slip_cents=0)
    async with running(database_url, at_once) as world:
        for _ in range(7):
            account = await world.investor(2_000)
            await asyncio.gather(*(world.place(account, Side.BUY, "KO", amount="5.00") for _ in range(150)))
        world.engine._dealing.windows.clear()  # nobody was there until the next session
        await world.jump(datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
        await world.pass_time(1_000)
        assert await world.pool.fetchval("SELECT count(*) FROM customer_order WHERE filled_quantity > 0") == 0


async def test_a_report_that_makes_no_sense_becomes_a_case(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        order = await world.place(await world.investor(300), Side.BUY, "KO", quantity="1")
        await world.pass_time(100)
        made = await market_order_of(world, order)
        at = world.clock.now()
        nonsense = Report("paper", made, ReportKind.EXECUTION, at, "none", 0, 100 * UNIT)
        sense = Report("paper", made, ReportKind.EXECUTION, at, "one", UNIT, 100 * UNIT, UNIT)
        await world.engine._intake.take_in(world.venue, [nonsense, sense])
        assert (await world.order(order)).status is OrderStatus.FILLED
        assert await world.pool.fetchval("SELECT count(*) FROM ops_case") == 1


async def test_a_leader_whose_clock_is_ahead_is_followed_all_the_same(database_url: str) -> None:
    """Leases go by the database's time, so it does not matter what the process thinks."""
    async with running(database_url) as world:
        venues = world.engine._venues
        ahead = ManualClock(world.clock.now() + timedelta(days=1_000))
        first = OrderEngine(world.pool, world.writers, world.market, venues, world.hub, clock=ahead)
        await first.run_due()
        assert first._dealing.leads
        await world.pool.execute("UPDATE lease SET held_until = held_until - interval '1 second'")  # time goes by
        assert await lead(world.pool, new_id(), None)
