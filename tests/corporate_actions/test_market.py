"""A split in the simulated market: portfolios keep their worth, and whoever runs it can add one for all tenants."""

from datetime import UTC, date, datetime

import asyncpg
import pytest

from app.corporate_actions.announce import announce
from app.corporate_actions.errors import AnnounceError
from app.corporate_actions.market_split import split_market
from app.corporate_actions.types import ActionKind
from app.infra.database import ENGINE_ROLE
from app.kernel.clock import ManualClock
from app.kernel.errors import Refusal
from app.kernel.money import UNIT, multiply
from app.market.catalogue import INSTRUMENTS
from app.market.load import add_instruments
from app.market.splits import SplitQuotes, Splits
from tests.corporate_actions.company import FRIDAY, Company, terms
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio

KO = next(each for each in INSTRUMENTS if each.symbol == "KO")


async def quoted(world: World) -> int:
    """What the simulated market would say, which knows no splits by itself."""
    splits = Splits()
    async with world.pool.acquire() as connection:
        await splits.refresh(connection)
    found = SplitQuotes(world.quotes, splits).quote(KO.id, world.clock.now())
    assert found is not None
    return found.last


async def test_a_portfolio_is_worth_what_it_was(database_url: str) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        ann = await ko.holder("10")
        await ko.announce(ActionKind.SPLIT, terms("4", "1"), FRIDAY)
        worth = multiply(await world.shares(ann, "KO"), await quoted(world))
        await ko.begin(FRIDAY)
        assert multiply(await world.shares(ann, "KO"), await quoted(world)) == worth
        await world.jump(ko.effective_at(FRIDAY))
        await world.act()
        assert await quoted(world) == 25 * UNIT
        assert multiply(await world.shares(ann, "KO"), await quoted(world)) == worth


async def test_a_real_feed_is_left_alone(database_url: str) -> None:
    async with running(database_url) as world:
        command = Company(world).command(ActionKind.SPLIT, terms("4", "1"), FRIDAY, simulated=False)
        await world.commits.submit(announce, command)
        assert not await world.pool.fetch("SELECT 1 FROM instrument_split")


async def test_whoever_runs_the_market_splits_it_for_all(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings={"role": ENGINE_ROLE})
    try:
        await add_instruments(connection)
        wall = ManualClock(WEDNESDAY)
        await split_market(connection, wall, KO, 4 * UNIT, UNIT, date(2021, 3, 1))
        rows = await connection.fetch("SELECT * FROM instrument_split")
        assert [tuple(row) for row in rows] == [(KO.id, datetime(2021, 2, 26, 21, tzinfo=UTC), 4, 1)]
        with pytest.raises(Refusal) as refused:  # the simulated market begins on 2021-01-04
            await split_market(connection, wall, KO, 4 * UNIT, UNIT, date(2021, 1, 4))
        assert refused.value.code is AnnounceError.DATES_INVALID
    finally:
        await connection.close()


async def test_every_tenant_announces_what_the_market_splits(database_url: str) -> None:
    async with running(database_url) as here, running(database_url) as there:
        with pytest.raises(Refusal) as refused:
            await Company(here).announce(ActionKind.SPLIT, terms("4", "1"), FRIDAY)
        assert refused.value.code is AnnounceError.MARKET_SHARED
        ko = Company(here)
        await here.pool.execute("INSERT INTO instrument_split VALUES ($1, $2, 4, 1)", KO.id, ko.effective_at(FRIDAY))
        ann, bob = await ko.holder("1"), await Company(there).holder("2")
        await here.pass_time(2_000)  # this process leads, and deals for both
        for world in (here, there):
            await Company(world).announce(ActionKind.SPLIT, terms("4", "1"), FRIDAY)
        for world in (here, there):
            await Company(world).begin(FRIDAY)
            await Company(world).take_effect(FRIDAY)
        assert (await here.shares(ann, "KO"), await there.shares(bob, "KO")) == (4 * UNIT, 8 * UNIT)
