"""The paper venue stores what arrives together, and some give up meanwhile."""

import asyncio
from uuid import UUID

import pytest

from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side, TimeInForce
from app.venues.port import VenueOrder
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_who_gives_up_while_orders_are_stored_takes_nobody_along(database_url: str) -> None:
    async with running(database_url) as world:
        venue, ko = world.venue, world.instrument("KO")
        orders = [VenueOrder(new_id(), ko.id, Side.BUY, UNIT, None, TimeInForce.DAY, None) for _ in range(2)]
        async with venue._storing:  # another round is being stored
            stays, gives_up = (asyncio.create_task(venue.submit(each)) for each in orders)
            await asyncio.sleep(0)
        while not venue._storing.locked():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        gives_up.cancel()
        await asyncio.wait([stays, gives_up])
        known: list[UUID] = [row["client_order_id"] for row in await world.pool.fetch("TABLE paper.venue_order")]
        assert orders[0].client_order_id in known
        assert stays.exception() is None
