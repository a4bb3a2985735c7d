"""Gathering under load: commands for one group that meet in one commit, and a group that fills several."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from app.market.types import Side
from app.orders import gather as module
from app.orders import waiting as waiting_room
from app.orders.gather import Gathered, gather
from app.orders.statement import Gather
from app.orders.types import Group, MarketOrderStatus, Terms
from app.venues.paper_dealing import PAPER
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def waiting(world: World, count: int) -> list[UUID]:
    people = [await world.investor(100) for _ in range(count)]
    return [await world.place(each, Side.BUY, "KO", amount="10.00") for each in people]


def due(world: World, opened_by: datetime, begun: UUID | None = None) -> Gather:
    instrument = world.instrument("KO")
    group = Group(world.commits.journal.id, instrument.id, Side.BUY, Terms())
    quote = world.market.quote(instrument.id)
    assert quote is not None
    dates = world.market.trade_dates(instrument)
    return Gather(group, opened_by, quote.ask, True, PAPER, *dates, market_order_id=begun)


async def both(world: World, first: Gather, second: Gather) -> list[Gathered]:
    """Two commands in one commit."""
    return list(await asyncio.gather(world.commits.submit(gather, first), world.commits.submit(gather, second)))


async def test_of_two_commands_for_one_group_in_one_commit_one_takes_the_orders(database_url: str) -> None:
    async with running(database_url) as world:
        ids = await waiting(world, 3)
        command = due(world, world.clock.now())
        first, second = await both(world, command, command)
        assert first.market_order is not None
        assert first.market_order.participants == 3
        assert second == Gathered(None, None, again=True)
        again = await world.commits.submit(gather, command)
        assert again == Gathered(None, None), "nothing is left"
        assert {(await world.order(each)).market_order_id for each in ids} == {first.market_order.id}


async def test_what_waits_for_the_next_chunk_opens_no_window(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    async with running(database_url) as world:
        await waiting(world, 3)
        started = world.clock.now()
        made = (await world.commits.submit(gather, due(world, started))).market_order
        assert made is not None
        assert made.status is MarketOrderStatus.GATHERING
        goes_on, late = await both(world, due(world, started, made.id), due(world, started))
        assert late.again
        assert goes_on.market_order is not None
        assert goes_on.market_order.status is MarketOrderStatus.CREATED
        assert (goes_on.market_order.participants, goes_on.open_since) == (3, None)


async def test_a_statement_that_fits_exactly_is_complete_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    async with running(database_url) as world:
        await waiting(world, 2)
        made = (await world.commits.submit(gather, due(world, world.clock.now()))).market_order
        assert made is not None
        assert (made.status, made.participants) == (MarketOrderStatus.CREATED, 2)


async def test_waiting_orders_are_read_in_the_order_of_their_index(database_url: str) -> None:
    async with running(database_url) as world, world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        for read in (waiting_room._WAITING_MARKET, waiting_room._WAITING_LIMIT):
            rows = await connection.fetch(
                "EXPLAIN " + read,
                1,
                10,
                world.clock.now(),
                [1, 2],
                ["BUY", "SELL"],
                [None] * 2,
                ["DAY"] * 2,
                [None] * 2,
            )
            plan = "\n".join(row[0] for row in rows)
            assert "customer_order_waiting" in plan
            assert "Sort" not in plan
