"""Attacks on corporate actions: what is in flight at the ex-date, what is owed, what is reversed or busted after it."""

import asyncio
from datetime import timedelta

import pytest

from app.accounting.decide import Decide, approve
from app.accounting.propose import ProposeJournal, ProposeReversal, propose_journals, propose_reversals
from app.accounting.types import Line
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.close import CloseAccount
from app.corporate_actions.cancel import CancelAction, cancel_actions
from app.corporate_actions.carry_out import CarryOut, carry_out
from app.corporate_actions.job import carry_out_due
from app.corporate_actions.types import ActionKind, ActionStatus, Fractions
from app.kernel.errors import Refusal
from app.kernel.money import UNIT, to_units
from app.ledger.chart import Kind
from app.market.types import Side
from app.orders.close_account import close_without_orders
from app.venues.port import Report, ReportKind
from tests.accounting.keeping import ANN, BOB
from tests.corporate_actions.company import MONDAY, Company, terms, units
from tests.corporate_actions.test_dividend import PAID_ON, balance
from tests.orders.test_busts import SILENT, market_order_of, says
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio


async def entitled(world: World) -> dict[int, int]:
    rows = await world.pool.fetch("SELECT book_id, quantity FROM dividend_entitlement")
    return {row["book_id"]: to_units(row["quantity"]) for row in rows}


async def due_from_the_company(world: World) -> int:
    return -await balance(world, world.commits.journal.outside, Kind.DIVIDEND_RECEIVABLE)


async def with_custodian_and_street(world: World, symbol: str) -> int:
    found = await world.pool.fetchval(
        "SELECT -sum(balance) FROM ledger.account WHERE asset_id = $1 AND kind IN (18, 19)", world.instrument(symbol).id
    )
    return to_units(found)


async def test_who_bought_before_the_ex_date_gets_it_though_the_venue_tells_of_it_after(database_url: str) -> None:
    """Bought in session on the day before; the execution is heard of half a minute after the close."""
    async with running(database_url, SILENT) as world:
        ko = Company(world)
        ann = await world.investor(10_000)
        await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await world.jump(ko.effective_at(MONDAY) - timedelta(seconds=30))
        order = await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(100)
        made, dealt_at = await market_order_of(world, order), world.clock.now()
        # The job is quicker than the report; the engine has not looked at its orders yet.
        world.clock.advance(timedelta(seconds=30))
        await carry_out_due(world.pool, world.writers, world.market)
        await world.told(Report("paper", made, ReportKind.EXECUTION, dealt_at, "one", units("10"), units("100")))
        assert await world.shares(ann, "KO") == units("10")
        [(_, _, opened_on)] = await ko.lots(ann)
        assert opened_on < MONDAY, "the premise: by trade date it was the day before"
        await ko.take_effect(MONDAY)
        assert await entitled(world) == {ann.book_id: units("10")}


async def test_a_company_owes_a_dividend_for_what_the_custodian_keeps_and_not_more(database_url: str) -> None:
    """Ann sold what a bust took away then: she owes ten shares, which the street has sold on."""
    async with running(database_url, SILENT) as world:
        ko = Company(world)
        ann = await world.investor(10_000)
        bought = await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(100)
        first = await market_order_of(world, bought)
        await says(world, first, ReportKind.EXECUTION, "one", 10, 100)
        carl = await world.investor(10_000)
        other = await world.place(carl, Side.BUY, "KO", quantity="30")
        await world.pass_time(100)
        await says(world, await market_order_of(world, other), ReportKind.EXECUTION, "three", 30, 100)
        sold = await world.place(ann, Side.SELL, "KO", quantity="10")
        await world.pass_time(100)
        await says(world, await market_order_of(world, sold), ReportKind.EXECUTION, "two", 10, 100)
        await says(world, first, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        assert await with_custodian_and_street(world, "KO") == units("20")
        await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        assert await entitled(world) == {ann.book_id: units("-10"), carl.book_id: units("30")}
        # 20 shares at a dollar; of the other ten dollars Ann owes the payment in lieu.
        assert await due_from_the_company(world) + await balance(
            world, world.commits.journal.house, Kind.CASH
        ) == units("20")


async def test_a_bust_of_a_deal_before_the_ex_date_takes_its_dividend_too_or_is_a_case(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ko = Company(world)
        ann = await world.investor(10_000)
        bought = await world.place(ann, Side.BUY, "KO", quantity="10")
        await world.pass_time(100)
        made = await market_order_of(world, bought)
        await says(world, made, ReportKind.EXECUTION, "one", 10, 100)
        await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        assert await entitled(world) == {ann.book_id: units("10")}
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        assert await world.shares(ann, "KO") == 0
        await world.jump(WEDNESDAY.replace(month=12, day=15))
        await world.act()
        cases = await world.pool.fetchval("SELECT count(*) FROM ops_case")
        assert cases > 0 or (await world.cash(ann)).settled == units("10000")


async def test_a_journal_of_shares_is_reversed_in_the_terms_of_now_or_not_at_all(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        await ko.holder("10")
        asset = world.instrument("KO").id
        before = await with_custodian_and_street(world, "KO")
        lines = [Line(Kind.CUSTODIAN, Kind.INVENTORY, asset, 10 * UNIT)]
        made = await world.commits.submit(propose_journals, ProposeJournal(lines, "Found them", ANN))
        await world.commits.submit(approve, Decide(made, BOB))
        position = await world.pool.fetchval("SELECT position FROM manual_journal WHERE id = $1", made)
        await world.jump(WEDNESDAY.replace(day=27))
        await ko.announce(ActionKind.SPLIT, terms("2", "1"), MONDAY)
        await ko.begin(MONDAY)
        await ko.take_effect(MONDAY)
        assert await with_custodian_and_street(world, "KO") == 2 * (before + 10 * UNIT)
        try:
            back = await world.commits.submit(propose_reversals, ProposeReversal(position, "They were not ours", ANN))
            await world.commits.submit(approve, Decide(back, BOB))
        except Refusal:
            return
        assert await with_custodian_and_street(world, "KO") == 2 * before


async def test_canceling_and_beginning_at_once_end_in_one_of_both(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10.5")
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.SPLIT, terms("3", "2", fractions=Fractions.CASH, price="66"), MONDAY)
        world.clock.advance(ko.effective_at(MONDAY) - world.clock.now())
        done = await asyncio.gather(
            world.commits.submit(cancel_actions, CancelAction(id_, "No", "operator:1")),
            world.commits.submit(carry_out, CarryOut(id_, MONDAY)),
            return_exceptions=True,
        )
        assert isinstance(done[0], Refusal)
        await ko.take_effect(MONDAY)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert await world.shares(ann, "KO") == units("15")
        await ko.check()


async def test_an_account_with_a_dividend_due_is_not_closed(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10", 2_000)
        await world.jump(WEDNESDAY.replace(day=27))
        await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        await ko.sell(ann, "10")
        await world.jump(WEDNESDAY.replace(month=12, day=5))
        assert (await balance(world, ann.book_id, Kind.DIVIDEND_DUE)) == units("10")
        settled = (await world.cash(ann)).settled
        await world.commits.submit(withdraw, CashMovement(ann.book_id, settled, "test"))
        with pytest.raises(Refusal, match="of dividends due"):
            await world.commits.submit(close_without_orders, CloseAccount(ann, "test"))
