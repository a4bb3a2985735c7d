"""Dividends and what venues tell late: waited for as long as it can come, and a case with the figures after that."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from app.accounting.decide import Decide, approve
from app.accounting.propose import ProposeJournal, propose_journals
from app.accounting.types import Line
from app.corporate_actions import changed, dividend
from app.corporate_actions.types import ActionKind, ActionStatus
from app.kernel.errors import Refusal
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.chart import Kind
from app.market.types import Side, TimeInForce
from app.orders.entitled import Holding, holdings_before
from app.venues.port import ReportKind
from tests.accounting.keeping import ANN, BOB
from tests.corporate_actions.company import MONDAY, Company, terms, units
from tests.corporate_actions.test_dividend import PAID_ON
from tests.orders.test_busts import SILENT, market_order_of, says
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio


async def cases(world: World) -> list[dict[str, Any]]:
    rows = await world.pool.fetch("SELECT kind, detail FROM ops_case")
    assert {row["kind"] for row in rows} <= {"DIVIDEND_CHANGED"}
    return [json.loads(row["detail"]) for row in rows]


async def test_what_was_taken_back_since_is_a_case_with_both_figures_and_what_was_accrued_is_paid(
    database_url: str,
) -> None:
    async with running(database_url, SILENT) as world:
        ko = Company(world)
        ann, bob = await world.investor(10_000), await world.investor(10_000)
        deals = {}
        for account in (ann, bob):
            bought = await world.place(account, Side.BUY, "KO", quantity="10")
            await world.pass_time(100)
            made = deals[account.id] = await market_order_of(world, bought)
            await says(world, made, ReportKind.EXECUTION, f"six {account.book_id}", 6, 100)
            await says(world, made, ReportKind.EXECUTION, f"four {account.book_id}", 4, 100)
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        await says(world, deals[bob.id], ReportKind.BUST, "bust", 0, 0, refers_to=f"four {bob.book_id}")
        await world.jump(WEDNESDAY.replace(month=12, day=15))
        await world.act()
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert (await world.cash(bob)).settled == units("9410"), "it is paid as it was accrued"
        [detail] = await cases(world)
        assert detail | {"action": None} == {
            "action": None,
            "instrument": world.instrument("KO").id,
            "accrued_quantity": "10.00",
            "accrued": "10.00",
            "quantity": "6.00",
            "due": "6.00",
            "difference": "-4.00",
        }
        assert await world.pool.fetchval("SELECT subject_id FROM ops_case") == bob.id


async def test_who_sells_or_buys_on_the_ex_date_or_later_is_no_case(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10")
        await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        await ko.sell(ann, "4")
        await ko.holder("5")
        await world.jump(WEDNESDAY.replace(month=12, day=15))
        await world.act()
        assert await cases(world) == []


async def test_a_commit_looks_at_a_chunk_of_holders_however_few_of_them_are_paid(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dividend, "CHUNK", 2)
    looked_at: list[int] = []

    async def counted(batch: Batch, instrument: int, day: date, books: Sequence[int]) -> list[Holding]:
        looked_at.append(len(books))
        return await holdings_before(batch, instrument, day, books)

    monkeypatch.setattr(changed, "holdings_before", counted)
    async with running(database_url) as world:
        ko = Company(world)
        for quantity in ("0.001", "0.001", "10", "0.001"):
            await ko.holder(quantity)
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await ko.take_effect(MONDAY)
        for _ in range(5):
            await ko.holder("5")
        await world.jump(WEDNESDAY.replace(month=12, day=15))
        await world.act()
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        assert await world.pool.fetchval("SELECT count(*) FROM dividend_entitlement WHERE paid_at IS NOT NULL") == 1
        assert looked_at == [2, 2, 2, 2, 1]
        assert await cases(world) == []
        await ko.check()


async def test_a_journal_of_shares_that_waited_over_a_split_is_not_approved(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        await ko.holder("10")
        await world.jump(WEDNESDAY.replace(day=27))
        await ko.announce(ActionKind.SPLIT, terms("2", "1"), MONDAY)
        lines = [Line(Kind.CUSTODIAN, Kind.INVENTORY, world.instrument("KO").id, 10 * UNIT)]
        made = await world.commits.submit(propose_journals, ProposeJournal(lines, "Found them", ANN))
        await ko.begin(MONDAY)
        await ko.take_effect(MONDAY)
        head = await world.pool.fetchval("SELECT position FROM ledger.journal_head")
        with pytest.raises(Refusal, match="changed the shares since it was proposed"):
            await world.commits.submit(approve, Decide(made, BOB))
        assert await world.pool.fetchval("SELECT status FROM manual_journal") == "PROPOSED"
        assert await world.pool.fetchval("SELECT position FROM ledger.journal_head") == head


async def test_an_order_that_stands_for_longer_holds_up_no_dividend(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        await ko.holder("10")
        carl = await world.investor(10_000)
        await world.place(carl, Side.BUY, "KO", quantity="1", limit="0.01", time_in_force=TimeInForce.GTC)
        await world.pass_time(1_000)
        id_ = await ko.announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
        await world.jump(ko.effective_at(MONDAY) + timedelta(minutes=1))
        await world.act()
        assert await world.pool.fetchval("SELECT count(*) FROM market_order WHERE ended_at IS NULL") == 1
        assert (await ko.action(id_)).status is ActionStatus.ACCRUED
