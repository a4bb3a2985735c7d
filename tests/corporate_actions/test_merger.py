"""Mergers: shares for shares, for cash, or for both; cost and dates go on, but for what the money paid for."""

import pytest

from app.corporate_actions.types import ActionKind, ActionStatus, Fractions
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.market.types import Side
from app.risk.errors import RiskError
from tests.corporate_actions.company import MONDAY, Company, terms, units
from tests.world import WEDNESDAY, running

pytestmark = pytest.mark.asyncio


async def test_shares_for_shares(database_url: str) -> None:
    async with running(database_url) as world:
        ko, pep = Company(world), world.instrument("PEP")
        ann = await ko.holder("10.5")
        await world.place(ann, Side.BUY, "PEP", quantity="1")
        await world.pass_time(1_000)
        await world.jump(WEDNESDAY.replace(day=30))
        id_ = await ko.announce(ActionKind.MERGER, terms("2", "3"), MONDAY.replace(month=12, day=2), into=pep)
        [before] = await ko.lots(ann)
        await ko.begin(MONDAY.replace(month=12, day=2))
        with pytest.raises(Refusal) as refused:
            await world.place(ann, Side.SELL, "KO", quantity="1")
        assert refused.value.code is RiskError.TRADING_HALTED
        await ko.take_effect(MONDAY.replace(month=12, day=2))
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert (await world.shares(ann, "KO"), await world.shares(ann, "PEP")) == (0, units("8"))
        assert await ko.lots(ann) == []
        lots = await ko.lots(ann, "PEP")
        assert (units("7"), before[1], before[2]) in lots
        assert await ko.sold_by(id_) == []
        [event] = await ko.story(ann.book_id, EventType.MERGER)
        assert (event.data["before"], event.data["after"], event.data["into"]) == ("10.50", "7.00", pep.id)
        await ko.check()
        with pytest.raises(Refusal):  # nobody trades what is no more
            await world.place(ann, Side.BUY, "KO", quantity="1")
        await Company(world, "PEP").sell(ann, "8")
        await ko.check()


async def test_shares_for_cash(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob = await ko.holder("10.123"), await ko.holder("0.5")
        await world.jump(WEDNESDAY.replace(day=30))
        day = MONDAY.replace(month=12, day=2)
        id_ = await ko.announce(ActionKind.MERGER, terms(cash="120.005"), day, into=world.instrument("PEP"))
        [(_, cost, _)], settled = await ko.lots(ann), (await world.cash(ann)).settled
        await ko.begin(day)
        await ko.take_effect(day)
        assert (await world.shares(ann, "KO"), await world.shares(bob, "KO")) == (0, 0)
        assert (await world.cash(ann)).settled == settled + units("1214.81")  # 1214.810615
        assert (units("10.123"), cost, units("1214.81")) in await ko.sold_by(id_)
        left = await world.pool.fetchval(
            "SELECT count(*) FROM ledger.account WHERE asset_id = $1 AND balance <> 0", world.instrument("KO").id
        )
        assert left == 0  # the house's part went too
        await ko.check()


async def test_shares_and_cash_divide_the_cost_by_what_they_are_worth(database_url: str) -> None:
    """$25 and half a share at $150: a quarter of the cost was sold for the money. Half a share left is paid for."""
    async with running(database_url) as world:
        ko, pep = Company(world), world.instrument("PEP")
        ann = await ko.holder("5")
        await world.jump(WEDNESDAY.replace(day=30))
        day = MONDAY.replace(month=12, day=2)
        given = terms("1", "2", cash="25", price="150", fractions=Fractions.CASH)
        id_ = await ko.announce(ActionKind.MERGER, given, day, into=pep)
        [(_, cost, opened_on)], settled = await ko.lots(ann), (await world.cash(ann)).settled
        await ko.begin(day)
        await ko.take_effect(day)
        assert await world.shares(ann, "PEP") == units("2")
        assert (await world.cash(ann)).settled == settled + units("125") + units("75")
        rest = cost - cost // 4
        assert await ko.sold_by(id_) == [
            (units("1.25"), cost // 4, units("125")),
            (units("0.5"), rest // 5, units("75")),
        ]
        assert await ko.lots(ann, "PEP") == [(units("2"), rest - rest // 5, opened_on)]
        await ko.check()


async def test_it_waits_until_the_last_trades_have_settled(database_url: str) -> None:
    async with running(database_url) as world:
        ko, pep = Company(world), world.instrument("PEP")
        await world.jump(WEDNESDAY.replace(day=30))
        day = MONDAY.replace(month=12, day=1)
        id_ = await ko.announce(ActionKind.MERGER, terms("1", "1"), day, into=pep)
        ann = await ko.holder("3")  # settles on that day
        await world.jump(ko.effective_at(day))
        await world.act()
        assert (await ko.action(id_)).status is ActionStatus.CLEARING
        await ko.take_effect(day)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert await world.shares(ann, "PEP") == units("3")
        await ko.check()


@pytest.mark.parametrize(("owed", "left"), [("60", "0"), ("130", "0"), ("500", "300")])
async def test_what_is_owed_is_repaid_once_from_all_that_comes(database_url: str, owed: str, left: str) -> None:
    """$125 for the shares and $75 for half a one."""
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("5")
        await world.jump(WEDNESDAY.replace(day=30))
        day = MONDAY.replace(month=12, day=2)
        given = terms("1", "2", cash="25", price="150", fractions=Fractions.CASH)
        await ko.announce(ActionKind.MERGER, given, day, into=world.instrument("PEP"))
        settled = (await world.cash(ann)).settled
        await ko.owe(ann, owed)
        await ko.begin(day)
        await ko.take_effect(day)
        cash = await world.cash(ann)
        assert cash.receivable == -units(left)
        assert cash.settled == settled + units("200") - (units(owed) - units(left))
        await ko.check()
