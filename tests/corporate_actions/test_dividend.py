"""Dividends: due to who held when the ex-date began, paid on the pay date, to the cent; the company's sum adds up."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.close import CloseAccount, CloseAccountError
from app.clients.types import Account
from app.corporate_actions.close_account import close_without_dividends
from app.corporate_actions.types import ActionKind, ActionStatus
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.money import CENT, to_units
from app.ledger.chart import USD, Kind, address
from app.market.types import Side
from app.orders.settle import SettleDue, settle_due
from app.venues.port import ReportKind
from tests.corporate_actions.company import MONDAY, Company, terms, units
from tests.orders.test_busts import SILENT, market_order_of, says
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


@pytest.mark.parametrize("late", [False, True])
async def test_who_owes_shares_owes_the_dividend_on_them(database_url: str, *, late: bool) -> None:
    """One share here, three owed there: the custodian has two fewer than none, and two dollars are due from us.

    Worked out late it is the same, though the three were bought and handed over on the ex-date.
    """
    async with running(database_url, SILENT) as world:
        ko, outside, house = Company(world), world.commits.journal.outside, world.commits.journal.house
        ann, bob = await world.investor(10_000), await world.investor(10_000)
        await dealt(world, ann, Side.BUY, "1", 1)
        bust = await dealt(world, bob, Side.BUY, "3", 2)
        await dealt(world, bob, Side.SELL, "3", 3)
        await says(world, bust, ReportKind.BUST, "bust", 0, 0, refers_to="2")
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        if late:
            await world.jump(WEDNESDAY.replace(day=30))
            await dealt(world, bob, Side.BUY, "3", 4)
            await world.commits.submit(settle_due, SettleDue(MONDAY))
            assert await owed_shares(world, bob) == 0
        owed, banks = (await world.cash(bob)).receivable, await in_the_banks(world)
        cash, rounding = await balance(world, house, Kind.CASH), await balance(world, house, Kind.ROUNDING)
        await (world.act() if late else ko.take_effect(MONDAY))
        rows = await world.pool.fetch("SELECT book_id, quantity, amount FROM dividend_entitlement")
        assert {(row["book_id"], to_units(row["quantity"]), to_units(row["amount"])) for row in rows} == {
            (ann.book_id, units("1"), units("1")),
            (bob.book_id, units("-3"), units("-3")),
        }
        assert await balance(world, outside, Kind.DIVIDEND_RECEIVABLE) == units("2")  # we owe the company
        assert (await world.cash(bob)).receivable == owed - units("3")
        await ko.check()
        await pay_day(world)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert await balance(world, outside, Kind.DIVIDEND_RECEIVABLE) == 0
        if not late:  # then another trade has settled too
            assert await in_the_banks(world) == banks - units("2")
            assert await balance(world, house, Kind.CASH) == cash
            assert await balance(world, house, Kind.ROUNDING) == rounding
        assert (await world.cash(bob)).receivable == owed - units("3")
        await ko.check()


@pytest.mark.parametrize("accrued", [False, True])
async def test_an_account_with_a_dividend_to_come_is_not_closed(database_url: str, *, accrued: bool) -> None:
    """Everything sold on the ex-date and withdrawn, before anybody worked out what is due: it would be lost."""
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob = await ko.holder("10"), await world.investor(10_000)
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await world.jump(WEDNESDAY.replace(day=30))
        if accrued:
            await world.act()
        await ko.sell(ann, "10")
        await world.jump(WEDNESDAY.replace(month=12, day=3))
        for each in (ann, bob):
            await world.commits.submit(withdraw, CashMovement(each.book_id, (await world.cash(each)).settled, "test"))
        before = await world.everything()
        with pytest.raises(Refusal, match=r"A dividend of KO is .* 2026-12-15") as refused:
            await world.commits.submit(close_without_dividends, CloseAccount(ann, "test"))
        assert refused.value.code is CloseAccountError.DIVIDEND_COMING
        assert await world.everything() == before
        await world.commits.submit(close_without_dividends, CloseAccount(bob, "test"))  # who had none may go
        await pay_day(world)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert (await world.cash(ann)).settled == units("10")
        await world.commits.submit(withdraw, CashMovement(ann.book_id, units("10"), "test"))
        await world.commits.submit(close_without_dividends, CloseAccount(ann, "test"))


async def test_the_house_pays_for_the_shares_that_it_owes(database_url: str) -> None:
    """Half a share that it gave to a customer was taken back from it: the customer has it, the custodian none."""
    async with running(database_url, SILENT) as world:
        ko, house = Company(world), world.commits.journal.house
        ann, bob = await world.investor(10_000), await world.investor(10_000)
        bust = await dealt(world, ann, Side.BUY, "1.5", 1, dealt="2")
        await world.place(bob, Side.BUY, "KO", quantity="0.5")
        await world.pass_time(1_000)
        await says(world, bust, ReportKind.BUST, "bust", 0, 0, refers_to="1")
        assert (await world.shares(ann, "KO"), await world.shares(bob, "KO")) == (0, units("0.5"))
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        cash, banks = await balance(world, house, Kind.CASH), await in_the_banks(world)
        await ko.take_effect(MONDAY)
        await pay_day(world)
        assert (await ko.action(id_)).progress.shares_after == -units("0.5")
        assert await balance(world, house, Kind.CASH) == cash - units("0.50")
        assert await in_the_banks(world) == banks
        await ko.check()


async def in_the_banks(world: World) -> int:
    """Customers' and the firm's money together."""
    outside = world.commits.journal.outside
    return -(await balance(world, outside, Kind.FBO) + await balance(world, outside, Kind.FIRM_BANK))


async def owed_shares(world: World, account: Account) -> int:
    return -to_units(
        await world.pool.fetchval(
            "SELECT coalesce(sum(balance), 0) FROM ledger.account WHERE id = $1",
            address(account.book_id, world.instrument("KO").id, Kind.RECEIVABLE),
        )
    )


async def dealt(world: World, account: Account, side: Side, quantity: str, execution: int, dealt: str = "") -> UUID:
    """An order that its venue has dealt in one execution at $100; answers its market order."""
    order = await world.place(account, side, "KO", quantity=quantity)
    await world.pass_time(100)
    made = await market_order_of(world, order)
    await says(world, made, ReportKind.EXECUTION, str(execution), int(dealt or quantity), 100)
    return made
