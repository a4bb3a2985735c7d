"""Of two actions on the same shares the earlier one decides first who has how many, whichever is asked for first."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.corporate_actions.announce import announce
from app.corporate_actions.carry_out import CarryOut, carry_out
from app.corporate_actions.errors import AnnounceError
from app.corporate_actions.types import ActionKind, ActionStatus
from app.kernel.errors import Refusal
from app.market.types import Side, TimeInForce
from app.orders.types import OrderStatus
from app.venues.port import Report, ReportKind
from tests.corporate_actions.company import FRIDAY, MONDAY, TUESDAY, Company, terms, units
from tests.corporate_actions.test_dividend import PAID_ON
from tests.orders.test_busts import SILENT
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio


async def as_far_as_it_goes(world: World, id_: UUID) -> ActionStatus:
    while await world.commits.submit(carry_out, CarryOut(id_, MONDAY + timedelta(days=3))):
        pass
    return (await Company(world).action(id_)).status


@pytest.mark.parametrize("dividend_first", [True, False])
async def test_the_later_one_waits(database_url: str, *, dividend_first: bool) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        await ko.holder("10")
        await world.jump(WEDNESDAY.replace(day=27))
        days = [MONDAY, MONDAY + timedelta(days=1)]
        if not dividend_first:
            days.reverse()
        dividend = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), days[0], pay_date=PAID_ON)
        split = await ko.announce(ActionKind.SPLIT, terms("4", "1"), days[1])
        await world.jump(WEDNESDAY.replace(month=12, day=3))
        await world.pass_time(1_000, 250)
        first, second = (dividend, split) if dividend_first else (split, dividend)
        assert await as_far_as_it_goes(world, second) in (ActionStatus.CLEARING, ActionStatus.ANNOUNCED)
        assert await as_far_as_it_goes(world, first) in (ActionStatus.ACCRUED, ActionStatus.COMPLETED)
        assert await as_far_as_it_goes(world, second) in (ActionStatus.ACCRUED, ActionStatus.COMPLETED)
        due = await world.pool.fetchval("SELECT sum(amount) FROM dividend_entitlement")
        assert due == (10 if dividend_first else 40)
        await ko.check()


@pytest.mark.parametrize("first", ["into it", "of it"])
async def test_nobody_is_given_shares_of_a_company_that_is_no_more(database_url: str, first: str) -> None:
    """KO is taken over on Monday, so on Tuesday nothing can become its shares, whichever was announced first."""
    async with running(database_url) as world:
        ko, aapl = Company(world), Company(world, "AAPL")
        for_shares = terms("1", "2")
        later = aapl.command(ActionKind.MERGER, for_shares, TUESDAY, into=world.instrument("KO"))
        earlier = ko.command(ActionKind.MERGER, for_shares, MONDAY, into=world.instrument("MSFT"))
        commands = [later, earlier] if first == "into it" else [earlier, later]
        await world.commits.submit(announce, commands[0])
        with pytest.raises(Refusal, match="There is a MERGER of") as refused:
            await world.commits.submit(announce, commands[1])
        assert refused.value.code is AnnounceError.ALREADY_ANNOUNCED


async def test_it_waits_until_what_is_in_flight_has_come_back(database_url: str) -> None:
    """The venue has not let go of an order: the split stands still, and what is dealt is dealt at the old terms."""
    async with running(database_url, SILENT) as world:
        ko = Company(world)
        ann = await world.investor(10_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="10", limit="100", time_in_force=TimeInForce.GTC)
        await world.pass_time(500)
        made = (await world.order(order)).market_order_id
        assert made is not None
        split = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await world.jump(ko.effective_at(FRIDAY))
        assert await as_far_as_it_goes(world, split) is ActionStatus.CLEARING
        assert (await world.order(order)).ends_as is OrderStatus.CANCELED
        await world.told(
            Report("paper", made, ReportKind.EXECUTION, world.clock.now(), "e1", units("10"), units("100"))
        )
        assert await as_far_as_it_goes(world, split) is ActionStatus.COMPLETED
        assert await world.shares(ann, "KO") == units("20")
        await ko.check()
