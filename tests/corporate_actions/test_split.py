"""Splits and reverse splits: everybody has what they had, in other terms, to the unit; nothing is dealt in between."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from app.corporate_actions.types import ActionKind, ActionStatus, Fractions
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.ledger.types import Entry, Leg
from app.market.types import Side, TimeInForce
from app.orders.reports import Heard
from app.orders.types import OrderStatus
from app.risk.end import EndRule, end_rules
from app.risk.errors import RiskError
from app.venues.port import Report, ReportKind
from tests.corporate_actions.company import FRIDAY, MONDAY, Company, terms, units
from tests.world import WEDNESDAY, running

pytestmark = pytest.mark.asyncio

_EXECUTION = "SELECT venue_execution_id FROM execution WHERE market_order_id = $1"


async def test_a_split_from_announcing_to_the_end(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob = await ko.holder("55"), await ko.holder("10.5")
        await world.jump(WEDNESDAY.replace(day=27))
        id_ = await ko.announce(ActionKind.SPLIT, terms("3", "2"))
        assert (await ko.action(id_)).status is ActionStatus.ANNOUNCED
        await world.act()
        assert await world.shares(ann, "KO") == units("55")
        [before] = await ko.lots(ann)
        await ko.begin(MONDAY)
        assert (await ko.action(id_)).status is ActionStatus.CLEARING
        assert await world.shares(ann, "KO") == units("55")
        await ko.take_effect(MONDAY)
        done = await ko.action(id_)
        assert (done.status, done.progress.accounts) == (ActionStatus.COMPLETED, 2)
        assert await world.shares(ann, "KO") == units("82.5")
        assert await world.shares(bob, "KO") == units("15.75")
        assert await ko.lots(ann) == [(units("82.5"), before[1], before[2])]
        [event] = await ko.story(ann.book_id, EventType.SPLIT)
        assert event.correlation == id_
        assert event.data | {"before": "55.00", "after": "82.50", "new_shares": "3.00"} == event.data
        steps = await ko.story(world.commits.journal.house, *(each for each in EventType if "CORPORATE" in each))
        assert [(step.type.value, step.correlation) for step in steps] == [
            ("CORPORATE_ACTION_ANNOUNCED", id_),
            ("CORPORATE_ACTION_BEGUN", id_),
            ("CORPORATE_ACTION_COMPLETED", id_),
        ]
        assert "A test" not in str(steps)
        await ko.check()
        await ko.sell(ann, "82.5")  # trading goes on, at the new terms
        assert await world.shares(ann, "KO") == 0
        await ko.check()


async def test_open_orders_end_and_nothing_is_accepted_around_it(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10")
        sells = await world.place(ann, Side.SELL, "KO", quantity="4", limit="200", time_in_force=TimeInForce.GTC)
        buys = await world.place(ann, Side.BUY, "KO", quantity="3", limit="50", time_in_force=TimeInForce.GTC)
        other = await world.place(ann, Side.BUY, "PEP", quantity="3", limit="50", time_in_force=TimeInForce.GTC)
        await world.pass_time(1_000)
        id_ = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await ko.begin(FRIDAY)
        for order in (sells, buys):
            found = await world.order(order)
            assert (found.status, found.reason) == (OrderStatus.CANCELED, "the shares are split")
        assert (await world.order(other)).status is OrderStatus.NEW
        with pytest.raises(Refusal) as refused:
            await world.place(ann, Side.SELL, "KO", quantity="4")
        assert refused.value.code is RiskError.TRADING_HALTED
        await ko.check()
        await ko.take_effect(FRIDAY)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert await world.shares(ann, "KO") == units("20")
        await ko.sell(ann, "20")
        assert await world.shares(ann, "KO") == 0
        await ko.check()


async def test_trades_that_have_not_settled_settle_at_the_new_terms(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("7.25")
        await ko.sell(ann, "2")
        await ko.announce(ActionKind.SPLIT, terms("3", "1"), FRIDAY)  # settles on Friday too
        await world.jump(ko.effective_at(FRIDAY))
        await world.act()
        assert await world.shares(ann, "KO") == units("15.75")
        open_ = await world.pool.fetch("SELECT side, quantity FROM trade_settlement WHERE settled_at IS NULL")
        assert {(row["side"], row["quantity"]) for row in open_} == {("BUY", Decimal(24)), ("SELL", Decimal(6))}
        await ko.check()
        await world.jump(WEDNESDAY.replace(month=12, day=1))
        await world.pass_time(2_000, 500)
        assert not await world.pool.fetchval("SELECT count(*) FROM trade_settlement WHERE settled_at IS NULL")
        street = await world.pool.fetchval(
            "SELECT sum(balance) FROM ledger.account WHERE kind = $1 AND asset_id <> 1", Kind.STREET
        )
        assert street == 0
        await ko.check()


async def test_a_reverse_split_with_cash_in_lieu(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob, carl = await ko.holder("55"), await ko.holder("20"), await ko.holder("4")
        await world.jump(WEDNESDAY.replace(day=27))
        before = {account.id: await ko.lots(account) for account in (ann, bob, carl)}
        cash = {account.id: (await world.cash(account)).settled for account in (ann, bob, carl)}
        id_ = await ko.announce(
            ActionKind.REVERSE_SPLIT, terms("1", "10", price="1000", fractions=Fractions.CASH), MONDAY
        )
        await ko.begin(MONDAY)
        await ko.take_effect(MONDAY)
        assert [await world.shares(each, "KO") for each in (ann, bob, carl)] == [units("5"), units("2"), 0]
        assert (await world.cash(ann)).settled == cash[ann.id] + units("500")
        assert (await world.cash(bob)).settled == cash[bob.id]
        assert (await world.cash(carl)).settled == cash[carl.id] + units("400")
        [(_, cost, opened_on)] = before[ann.id]
        assert await ko.lots(ann) == [(units("5"), cost - cost // 11, opened_on)]
        assert await ko.lots(carl) == []
        assert sorted(await ko.sold_by(id_)) == [
            (units("0.4"), before[carl.id][0][1], units("400")),
            (units("0.5"), cost // 11, units("500")),
        ]
        split, paid = await ko.story(ann.book_id, EventType.REVERSE_SPLIT, EventType.CASH_IN_LIEU)
        assert (split.data["before"], split.data["after"]) == ("55.00", "5.50")
        assert (paid.data["quantity"], paid.data["amount"]) == ("0.50", "500.00")
        assert paid.data["cost"] == to_text(cost // 11)
        # 79 shares became 7.9 with the house's; the custodian keeps 7, and the company paid for the part of one.
        custodian = await world.pool.fetchval(
            "SELECT -sum(balance) FROM ledger.account WHERE kind IN (18, 19) AND asset_id = $1",
            world.instrument("KO").id,
        )
        assert custodian == 7
        await ko.check()


async def test_fractions_are_kept_unless_they_are_paid_for(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("7.00000001")
        await world.jump(WEDNESDAY.replace(day=27))
        [(_, cost, _)] = await ko.lots(ann)
        id_ = await ko.announce(ActionKind.REVERSE_SPLIT, terms("1", "3"))
        await ko.begin(MONDAY)
        await ko.take_effect(MONDAY)
        assert await world.shares(ann, "KO") == 700_000_001 // 3
        assert [each[:2] for each in await ko.lots(ann)] == [(700_000_001 // 3, cost)]
        assert await ko.sold_by(id_) == []
        await ko.check()


async def test_what_a_venue_takes_back_of_older_deals_is_for_a_person(database_url: str) -> None:
    """Its figures are in the old terms: nothing is posted, once or again, and there is a case about it."""
    async with running(database_url) as world:
        ko = Company(world)
        ann = await world.investor(10_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="3")
        await world.pass_time(1_000)
        made = (await world.order(order)).market_order_id
        assert made is not None
        execution = await world.pool.fetchval(_EXECUTION, made)
        await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await ko.begin(FRIDAY)
        await ko.take_effect(FRIDAY)
        report = Report("paper", made, ReportKind.BUST, world.clock.now(), "b1", 0, 0, refers_to=execution)
        assert (await world.told(report)).heard is Heard.TAKEN
        assert await world.shares(ann, "KO") == units("6")
        [case] = await world.pool.fetch("SELECT id, subject_id, summary FROM ops_case")
        assert case["subject_id"] == made
        assert "before the terms of the share changed" in case["summary"]
        await world.told(report)
        assert await world.pool.fetchval("SELECT count(*) FROM ops_case") == 1
        await ko.check()
        # What is dealt since is taken back as ever.
        order = await world.place(ann, Side.BUY, "KO", quantity="3")
        await world.pass_time(1_000)
        made = (await world.order(order)).market_order_id
        assert made is not None
        execution = await world.pool.fetchval(_EXECUTION, made)
        await world.told(Report("paper", made, ReportKind.BUST, world.clock.now(), "b2", 0, 0, refers_to=execution))
        assert await world.shares(ann, "KO") == units("6")
        await ko.check()


async def test_a_halt_that_somebody_ends_holds_again(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("3")
        id_ = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await ko.begin(FRIDAY)
        rule = await world.pool.fetchval("SELECT id FROM risk_rule WHERE ended_at IS NULL")
        await world.commits.submit(end_rules, EndRule(rule, "A slip", "operator:2"))
        await world.act()
        with pytest.raises(Refusal) as refused:
            await world.place(ann, Side.SELL, "KO", quantity="1")
        assert refused.value.code is RiskError.TRADING_HALTED
        await ko.take_effect(FRIDAY)
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        await ko.sell(ann, "1")
        await ko.check()


async def test_owed_shares_follow_too(database_url: str) -> None:
    """A customer sold what a bust took away: three shares are owed before, six after; the house's own likewise."""
    async with running(database_url) as world:
        ko, house = Company(world), world.commits.journal.house
        ann, bob, asset = await ko.holder("1"), await ko.holder("10"), world.instrument("KO").id

        async def owe(batch: Batch, commands: Sequence[None]) -> list[None]:
            event = NewEvent(bob.book_id, EventType.ORDER_TRADE_CORRECTED, "test", world.clock.now())
            custodian = address(batch.journal.outside, asset, Kind.CUSTODIAN)
            owed = [address(bob.book_id, asset, Kind.RECEIVABLE), address(house, asset, Kind.SHORT)]
            out = [Leg(address(bob.book_id, asset, Kind.POSITION), custodian, units("10"))]
            await batch.post_facts([Entry(event, [*out, *(Leg(each, custodian, units("3")) for each in owed)])])
            await batch.connection.execute(
                "UPDATE lot SET remaining = 0, remaining_cost = 0 WHERE book_id = $1", bob.book_id
            )
            return [None]

        await world.commits.submit(owe, None)
        await ko.check()
        await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await ko.begin(FRIDAY)
        await world.jump(ko.effective_at(FRIDAY))
        await world.act()
        owed = await world.pool.fetch(
            "SELECT kind, balance FROM ledger.account WHERE asset_id = $1 AND kind = ANY ($2) AND balance <> 0",
            asset,
            [Kind.RECEIVABLE, Kind.SHORT],
        )
        assert {(row["kind"], row["balance"]) for row in owed} == {(Kind.RECEIVABLE, -6), (Kind.SHORT, -6)}
        assert await world.shares(ann, "KO") == units("2")
        await ko.check()


async def test_nothing_is_accepted_from_the_moment_on_even_if_no_job_runs(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("3")
        id_ = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        begins = (await ko.action(id_)).begins_at
        await world.jump(begins - timedelta(seconds=1))
        await ko.sell(ann, "1")
        await world.jump(begins)
        with pytest.raises(Refusal) as refused:
            await world.place(ann, Side.SELL, "KO", quantity="1")
        assert refused.value.code is RiskError.TRADING_HALTED
        assert (await ko.action(id_)).status is ActionStatus.ANNOUNCED


async def test_what_comes_to_nothing_is_a_loss(database_url: str) -> None:
    """Less than a unit of 1e-8 can't be kept: what it had cost was lost, and the shares are the house's."""
    async with running(database_url) as world:
        ko = Company(world)
        ann, bob = await ko.holder("1.00005"), await ko.holder("2")
        await ko.sell(ann, "1")
        await world.jump(WEDNESDAY.replace(day=27))
        [(left, cost, _)] = await ko.lots(ann)
        assert (left, await world.shares(ann, "KO")) == (5_000, 5_000)
        id_ = await ko.announce(ActionKind.REVERSE_SPLIT, terms("1", "10000"))
        await ko.begin(MONDAY)
        await ko.take_effect(MONDAY)
        assert (await world.shares(ann, "KO"), await ko.lots(ann)) == (0, [])
        assert await ko.sold_by(id_) == [(5_000, cost, 0)]
        assert await world.shares(bob, "KO") == units("0.0002")
        done = (await ko.action(id_)).progress
        assert done.shares_after == done.shares_before // 10_000
        await ko.check()
