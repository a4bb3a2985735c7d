"""What is answered to who places an order: the order as it was written."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.kernel.ids import new_id
from app.ledger.idempotency import idempotency_key
from app.market.types import Side, TimeInForce
from app.orders.place import PlaceOrder, place
from app.orders.request import size_of
from app.orders.terms import terms_of
from app.orders.types import OrderStatus, OrderType
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_the_order_is_answered_as_it_stands_in_the_database(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "AAPL", amount="600.00")
        await world.pass_time(200)
        await world.place(ann, Side.SELL, "AAPL", quantity="3")
        await world.pass_time(200)
        aapl, now = world.instrument("AAPL"), world.clock.now()
        quote = world.market.quote(aapl.id)
        assert quote is not None
        market = terms_of(OrderType.MARKET, None, TimeInForce.DAY, None, aapl, now)
        until = now + timedelta(days=7, microseconds=1)
        limit = terms_of(OrderType.LIMIT, Decimal("90.01"), TimeInForce.GTD, until, aapl, now)
        asked = [
            (Side.BUY, size_of(Side.BUY, Decimal("17.77"), None, False), market),
            (Side.BUY, size_of(Side.BUY, None, Decimal("0.12345678"), False), limit),
            (Side.BUY, size_of(Side.BUY, Decimal("500.00"), None, False), market),  # on unsettled money too
            (Side.SELL, size_of(Side.SELL, None, Decimal("0.5"), False), market),
            (Side.SELL, size_of(Side.SELL, None, None, True), market),
        ]
        dues = set()
        for side, size, terms in asked:
            command = PlaceOrder(ann.id, ann.book_id, aapl.id, side, size, quote, "test", terms)
            key = idempotency_key("ann", new_id(), "placeOrder", {})
            order = await world.commits.submit(place, command, key)
            dues.add(order.funding_due_on)
            assert order == await world.order(order.id)
            assert order.status is OrderStatus.ACCEPTED
            assert await world.commits.submit(place, command, key) == order.id, (
                "asked again, it is the id that was kept"
            )
        assert len(dues) == 2, "one of them was bought with unsettled money"
