"""Dividends: due to who held when the ex-date began, paid on the pay date, to the cent; the company's sum adds up."""

from datetime import date, timedelta

import pytest

from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.corporate_actions.types import ActionKind, ActionStatus
from app.kernel.events import EventType
from app.kernel.money import CENT, to_units
from app.ledger.chart import USD, Kind, address
from tests.corporate_actions.company import MONDAY, Company, terms, units
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio

PAID_ON = date(2026, 12, 15)


async def balance(world: World, book: int, kind: Kind) -> int:
    found = await world.pool.fetchval(
        "SELECT coalesce(sum(balance), 0) FROM ledger.account WHERE id = $1", address(book, USD, kind)
    )
    return to_units(found)


async def pay_day(world: World) -> None:
    await world.jump(WEDNESDAY.replace(month=12, day=15))
    await world.act()


async def test_a_dividend_from_announcing_to_the_end(database_url: str) -> None:
    async with running(database_url) as world:
        ko, outside = Company(world), world.commits.journal.outside
        ann, bob = await ko.holder("10.5"), await ko.holder("3.3")
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="0.485"), pay_date=PAID_ON)
        assert (await ko.action(id_)).record_date == MONDAY
        cash = {each.id: await world.cash(each) for each in (ann, bob)}
        await ko.begin(MONDAY)
        assert (await ko.action(id_)).status is ActionStatus.ANNOUNCED
        await ko.take_effect(MONDAY)
        assert (await ko.action(id_)).status is ActionStatus.ACCRUED
        assert await balance(world, ann.book_id, Kind.DIVIDEND_DUE) == units("5.09")  # 5.0925
        assert await balance(world, bob.book_id, Kind.DIVIDEND_DUE) == units("1.60")  # 1.6005
        # The custodian has 14 shares: 6.79 for them, of which 0.10 are the house's for a fifth of a share.
        assert await balance(world, outside, Kind.DIVIDEND_RECEIVABLE) == -units("6.69")
        assert (await world.cash(ann)).buying_power == cash[ann.id].buying_power
        await ko.check()
        house = await balance(world, world.commits.journal.house, Kind.CASH)
        await pay_day(world)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert (await world.cash(ann)).settled == cash[ann.id].settled + units("5.09")
        assert (await world.cash(bob)).settled == cash[bob.id].settled + units("1.60")
        assert await balance(world, world.commits.journal.house, Kind.CASH) == house + units("0.10")
        for book, kind in ((ann.book_id, Kind.DIVIDEND_DUE), (outside, Kind.DIVIDEND_RECEIVABLE)):
            assert await balance(world, book, kind) == 0
        due, paid = await ko.story(ann.book_id, EventType.DIVIDEND_DUE, EventType.DIVIDEND)
        assert (due.correlation, paid.correlation) == (id_, id_)
        assert due.data | {"quantity": "10.50", "amount": "5.09", "cash_per_share": "0.485"} == due.data
        assert due.effective_at == ko.effective_at(MONDAY)
        await ko.check()


async def test_who_buys_on_the_ex_date_gets_nothing_and_who_sells_then_keeps_it(database_url: str) -> None:
    """However late it is worked out: trades of the ex-date and later are left out of account."""
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob, carl = await ko.holder("10"), await ko.holder("6"), await world.investor(10_000)
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.buy(bob, "1.5")  # on the day before
        await world.jump(WEDNESDAY.replace(day=30))
        await ko.sell(ann, "10")
        await ko.buy(carl, "5")
        await ko.buy(bob, "2")
        await ko.sell(bob, "8.25")
        await world.act()
        rows = await world.pool.fetch("SELECT book_id, quantity FROM dividend_entitlement WHERE action_id = $1", id_)
        assert {row["book_id"]: to_units(row["quantity"]) for row in rows} == {
            ann.book_id: units("10"),
            bob.book_id: units("7.5"),
        }
        # The house too has what it had on the day before: half a share.
        assert (await ko.action(id_)).progress.shares_after == units("0.5")
        await ko.check()
        await pay_day(world)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        await ko.check()


async def test_what_is_owed_is_repaid_from_it(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10")
        await world.jump(WEDNESDAY.replace(day=27))
        await ko.announce(ActionKind.DIVIDEND, terms(cash="2"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        settled = (await world.cash(ann)).settled
        await world.commits.submit(withdraw, CashMovement(ann.book_id, settled, "test"))

        await ko.owe(ann, "12.50")
        await pay_day(world)
        cash = await world.cash(ann)
        assert (cash.receivable, cash.settled) == (0, units("7.50"))
        await ko.check()


async def test_parts_of_a_cent_are_the_rounding_accounts(database_url: str) -> None:
    async with running(database_url) as world:
        ko, house = Company(world), world.commits.journal.house
        holders = [await ko.holder("0.3", 100) for _ in range(5)]
        await world.jump(WEDNESDAY.replace(day=27))
        rounding = await balance(world, house, Kind.ROUNDING)
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="0.05"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        for each in holders:
            assert await balance(world, each.book_id, Kind.DIVIDEND_DUE) == 2 * CENT  # 0.015 each
        done = (await ko.action(id_)).progress
        company = (done.shares_before + done.shares_after) * 5 // 100
        assert await balance(world, house, Kind.ROUNDING) == rounding + company - 10 * CENT - done.house_cash
        await pay_day(world)
        await ko.check()
        assert await balance(world, world.commits.journal.outside, Kind.DIVIDEND_RECEIVABLE) == 0


async def test_a_dividend_before_a_split_counts_the_old_shares(database_url: str) -> None:
    """Even if both are worked out late: the earlier one first."""
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10")
        await world.jump(WEDNESDAY.replace(day=27))
        split = await ko.announce(ActionKind.SPLIT, terms("4", "1"), MONDAY + timedelta(days=1))
        dividend = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), MONDAY, pay_date=PAID_ON)
        await world.jump(WEDNESDAY.replace(month=12, day=3))
        await world.act()
        assert (await ko.action(dividend)).status is ActionStatus.ACCRUED
        assert (await ko.action(split)).status is ActionStatus.COMPLETED
        assert await balance(world, ann.book_id, Kind.DIVIDEND_DUE) == units("10")
        assert await world.shares(ann, "KO") == units("40")
        await ko.check()
