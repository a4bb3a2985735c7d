"""The trial balance: two equal columns, of now and of any position, and the same as the log adds up to."""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from app.accounting.balances import fetching, trial_balance_at, trial_balances_at
from app.accounting.trial_balance import TrialBalance, TrialBalanceRow
from app.kernel.money import UNIT, to_units
from app.ledger.chart import USD, Kind, asset_of, kind_of
from app.market.types import Side
from tests.accounting.keeping import Keeping, moving
from tests.world import WEDNESDAY, World, running


async def busy(world: World) -> Keeping:
    """Deposits, fills, a sale, something open, and settled trades."""
    keeping = Keeping(world)
    await keeping.fund_house(10_000)
    ann, bob = await world.investor(1_000), await world.investor(500)
    await world.place(ann, Side.BUY, "AAPL", amount="333.33")
    await world.place(bob, Side.BUY, "AAPL", quantity="1.5")
    await world.pass_time(200)
    await world.place(ann, Side.SELL, "AAPL", quantity="0.7")
    await world.pass_time(200)
    await world.place(bob, Side.BUY, "KO", amount="50.00", limit="1.00")
    await world.pass_time(200)
    return keeping


async def replayed(world: World, position: int) -> TrialBalance:
    """The same from the log alone."""
    rows = await world.pool.fetch(
        "SELECT debit_account_id AS d, credit_account_id AS c, amount FROM ledger.transfer"
        " WHERE journal_id = $1 AND position <= $2",
        world.commits.journal.id,
        position,
    )
    balances: dict[int, int] = defaultdict(int)
    for row in rows:
        balances[row["d"]] -= to_units(row["amount"])
        balances[row["c"]] += to_units(row["amount"])
    sums: dict[tuple[Kind, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for account, balance in balances.items():
        if balance:
            found = sums[kind_of(account), asset_of(account)]
            found[0] += 1
            found[1 if balance < 0 else 2] += abs(balance)
    made = [TrialBalanceRow(kind, asset, *figures) for (kind, asset), figures in sorted(sums.items())]
    return TrialBalance(world.commits.journal.id, position, made)


@pytest.mark.asyncio
async def test_it_is_what_the_log_adds_up_to_at_every_position(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        head = await keeping.head()
        for position in {0, 1, head, *random.Random(7).sample(range(head), 8)}:
            found, expected = await keeping.books(position), await replayed(world, position)
            assert found == expected
            assert found.hash == expected.hash
            assert found.balanced
            assert found.missing == []
        assert (await keeping.books(0)).rows == []


@pytest.mark.asyncio
async def test_it_is_that_also_between_closes_and_in_any_number_of_statements(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        for day in (27, 30):
            await world.jump(WEDNESDAY.replace(day=day))
            await keeping.bookkeeper.run_due()
            await world.pass_time(200)
            await world.investor(day)
        for _ in range(20):
            await moving(world, [world.clock.now()])
        async with world.read() as api:
            found = await trial_balances_at(fetching(api), world.commits.journal.id, range(await keeping.head() + 1))
        assert len({close.position for close in await keeping.closes()}) == 2
        assert found == {position: await replayed(world, position) for position in found}


@pytest.mark.asyncio
async def test_those_of_closes_are_read_in_one_statement_and_need_no_entry_nor_account(database_url: str) -> None:
    """However many accounts and entries there are: an operator's read has a few seconds."""
    async with running(database_url) as world:
        keeping = await busy(world)
        for day in (27, 30):
            await world.jump(WEDNESDAY.replace(day=day))
            await keeping.bookkeeper.run_due()
        plans = Plans(world)
        positions = [close.position for close in await keeping.closes()]
        found = await trial_balances_at(plans.fetch, world.commits.journal.id, positions)
        assert found == {position: await replayed(world, position) for position in positions}
        assert len(plans.statements) == 2
        assert not plans.about("transfer", "account")


@pytest.mark.asyncio
async def test_an_old_one_reads_no_account_nor_any_entry_that_came_since(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        at, expected = await keeping.head(), await keeping.books()
        await world.jump(WEDNESDAY.replace(day=27))
        await keeping.bookkeeper.run_due()
        for _ in range(4):
            await moving(world, [world.clock.now()] * 1_000)
        for position in (at, at - 2):
            plans = Plans(world)
            found = await trial_balances_at(plans.fetch, world.commits.journal.id, [position])
            assert found == {position: await replayed(world, position)}
            assert not plans.about("account_")
            assert plans.rows_read < 1_000
        assert expected == await keeping.books(at)


class Plans:
    """What statements do, told by the database."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.statements: list[str] = []
        self.lines: list[str] = []

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Any]:
        self.statements.append(statement)
        plan = await self._world.pool.fetch(f"EXPLAIN ANALYZE {statement}", *arguments)
        self.lines += [row[0] for row in plan]
        return await self._world.pool.fetch(statement, *arguments)

    def about(self, *tables: str) -> list[str]:
        """What was read of these tables."""
        return [line for line in self.lines for table in tables if f" on {table}" in line]

    @property
    def rows_read(self) -> float:
        """By all steps together, with what they threw away."""
        found = re.findall(r"actual .*rows=([0-9.]+) loops|Removed by Filter: (\d+)", "\n".join(self.lines))
        return sum(float(kept or removed) for kept, removed in found)


@pytest.mark.asyncio
async def test_the_api_reads_the_same(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        at = await keeping.head() - 5
        async with world.read() as api:
            found = await trial_balance_at(fetching(api), world.commits.journal.id, at)
        assert found == await keeping.books(at)


@pytest.mark.asyncio
async def test_what_one_owes_is_not_netted_against_what_another_has(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = Keeping(world)
        await world.investor(100)
        await world.investor(50)
        rows = {(row.kind, row.asset): row for row in (await keeping.books()).rows}
        assert rows[Kind.SETTLED, USD] == TrialBalanceRow(Kind.SETTLED, USD, 2, 0, 150 * UNIT)
        assert rows[Kind.FBO, USD] == TrialBalanceRow(Kind.FBO, USD, 1, 150 * UNIT, 0)


def test_columns_that_differ_are_seen() -> None:
    rows = [TrialBalanceRow(Kind.SETTLED, USD, 2, 30, 100), TrialBalanceRow(Kind.FBO, USD, 1, 70, 0)]
    books = TrialBalance(1, 9, rows)
    assert books.balanced
    assert books.net(Kind.SETTLED) == 70
    wrong = TrialBalance(1, 9, [*rows, TrialBalanceRow(Kind.POSITION, 2, 1, 0, 1)])
    assert not wrong.balanced
    assert [(proof.asset, proof.difference) for proof in wrong.missing] == [(2, 1)]
    assert wrong.hash != books.hash != TrialBalance(1, 8, rows).hash


def test_the_hash_does_not_depend_on_the_order_of_rows() -> None:
    rows = [TrialBalanceRow(Kind.SETTLED, USD, 2, 30, 100), TrialBalanceRow(Kind.FBO, USD, 1, 70, 0)]
    assert TrialBalance(1, 9, rows).hash == TrialBalance(1, 9, rows[::-1]).hash
