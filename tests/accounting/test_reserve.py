"""The customer reserve: a tiny example by hand, and fbo = what is required after each step of an honest day."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.accounting.balances import fetching, trial_balance_at
from app.accounting.reserve import CustomerReserve, customer_reserve, secured_debts
from app.accounting.trial_balance import TrialBalance, TrialBalanceRow
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.kernel.events import EventType
from app.kernel.money import UNIT, parse, to_units
from app.ledger.chart import USD, Kind
from app.market.types import Side
from app.orders.open_trades import OpenTrades, open_trades
from tests.accounting.keeping import Keeping
from tests.accounting.test_journals import position_of, reversed_by_two
from tests.world import World, running

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "reserve.json").read_text())


def units(text: str) -> int:
    return to_units(parse(text))


@pytest.mark.parametrize("example", GOLDEN["examples"], ids=lambda example: example["name"])
def test_worked_by_hand(example: dict[str, dict[str, str]]) -> None:
    rows = [
        TrialBalanceRow(Kind[kind], USD, 1, max(-units(net), 0), max(units(net), 0))
        for kind, net in example["books"].items()
    ]
    trades = OpenTrades(**{name: units(text) for name, text in example["trades"].items()})
    found = customer_reserve(TrialBalance(1, 1, rows), trades, units(str(example["secured"])))
    filled = {line.number: line.amount for line in found.lines if line.amount}
    assert filled == {number: units(text) for number, text in example["lines"].items()}
    assert (found.credits, found.debits, found.required, found.deposited, found.excess) == tuple(
        units(str(example[name])) for name in ("credits", "debits", "required", "deposited", "excess")
    )


def test_every_line_of_the_exhibit_is_there() -> None:
    found = customer_reserve(TrialBalance(1, 1, []), OpenTrades(), 0)
    assert [line.number for line in found.lines] == [str(number) for number in range(1, 15)]
    assert [line.number for line in found.lines if line.debit] == ["10", "11", "12", "13", "14"]
    assert [line.number for line in found.lines if line.amount is not None] == ["1", "4", "10", "12"]


async def reserve(world: World) -> CustomerReserve:
    async with world.read() as api:
        fetch, journal = fetching(api), world.commits.journal.id
        books = await trial_balance_at(fetch, journal, await Keeping(world).head())
        trades = await open_trades(api, journal, world.market.today())

        def price(asset: int) -> int | None:
            quote = world.market.quote(asset)
            return None if quote is None else quote.last

        return customer_reserve(books, trades, await secured_debts(fetch, journal, price))


@pytest.mark.asyncio
async def test_after_each_step_the_account_holds_what_is_required(database_url: str) -> None:
    async with running(database_url) as world:
        await Keeping(world).fund_house(10_000)
        ann, bob = await world.investor(1_000), await world.investor(500)
        steps = []
        for order in (
            (ann, Side.BUY, "333.33"),
            (bob, Side.BUY, "100.00"),
            (ann, Side.SELL, "50.00"),
            (ann, Side.BUY, "700.00"),
        ):
            await world.place(order[0], order[1], "AAPL", amount=order[2])
            steps.append(await reserve(world))
            await world.pass_time(200)
            steps.append(await reserve(world))
        await world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        steps.append(await reserve(world))
        assert [each.excess for each in steps] == [0] * 9
        assert [each.required for each in steps[:8]] == [1_500 * UNIT] * 8
        assert steps[8].required < 1_500 * UNIT


@pytest.mark.asyncio
async def test_a_debt_counts_as_far_as_shares_stand_behind_it(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(100), await world.investor(100)
        await world.place(ann, Side.BUY, "AAPL", amount="40.00")
        await world.pass_time(200)
        for investor, dollars in ((ann, 60), (bob, 100)):
            await world.commits.submit(withdraw, CashMovement(investor.book_id, dollars * UNIT, "test"))
            await reversed_by_two(world, await position_of(world, investor, EventType.DEPOSIT))
        found = await reserve(world)
        [line] = [line for line in found.lines if line.number == "10"]
        value = 40 * await world.shares(ann, "AAPL") * 100 // 40  # AAPL is quoted at 100
        assert line.amount == value - value // 100
        assert found.deposited == -160 * UNIT
        assert found.excess < 0


@pytest.mark.asyncio
async def test_trades_that_are_overdue_are_fails(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(100)
        await world.place(ann, Side.BUY, "AAPL", amount="40.00")
        await world.pass_time(200)
        journal = world.commits.journal.id
        async with world.read() as api:
            for day, expected in (
                (date(2026, 11, 27), OpenTrades(purchases=40 * UNIT)),
                (date(2026, 11, 28), OpenTrades(overdue_purchases=40 * UNIT)),
            ):
                assert await open_trades(api, journal, day) == expected
        await world.pool.execute("UPDATE trade_settlement SET side = 'SELL'")
        async with world.read() as api:
            for day, expected in (
                (date(2026, 11, 25), OpenTrades(sales=40 * UNIT)),
                (date(2026, 12, 27), OpenTrades(overdue_sales=40 * UNIT)),
                (date(2026, 12, 28), OpenTrades(old_sales=40 * UNIT)),
            ):
                assert await open_trades(api, journal, day) == expected
