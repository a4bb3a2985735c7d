"""An order's life as its customer sees it: heard over a WebSocket, canceled, filled with others, sold to nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.operations import CANCEL, DEPOSIT, ORDER_EVENTS, cash, money, opened, placed, positions
from tests.api.site import Site

pytestmark = pytest.mark.asyncio

LAST_ORDER = """
query ($id: ID!) {
  node(id: $id) { ... on Account { orders(first: 1) { edges { node {
    executions { quantity price { amount } }
  } } } } }
}"""


async def test_a_fill_is_heard_over_the_websocket(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        async with site.subscribed(ann.user_id, ORDER_EVENTS, accountId=account) as events:
            order_id = await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
            accepted = (await events.next())["orderEvents"]
            assert (accepted["type"], accepted["lastQuantity"], accepted["cumulativeQuantity"]) == (
                "ORDER_ACCEPTED",
                "0.00",
                "0.00",
            )
            assert (accepted["order"]["id"], accepted["order"]["status"]) == (order_id, "ACCEPTED")
            await site.world.pass_time(50)
            assert (await events.next())["orderEvents"]["type"] == "ORDER_NEW"
            await site.world.pass_time(50)
            filled = (await events.next())["orderEvents"]
        assert filled["type"] == "ORDER_FILLED"
        assert filled["lastQuantity"] == filled["cumulativeQuantity"] == "0.09999"
        assert filled["lastAmount"] == filled["cumulativeAmount"] == money("10.00")
        assert filled["order"] == {
            "id": order_id,
            "side": "BUY",
            "status": "FILLED",
            "all": False,
            "amount": money("10.00"),
            "quantity": None,
            "filledQuantity": "0.09999",
            "filledAmount": money("10.00"),
            "averagePrice": money("100.010001"),
            "capacity": "MIXED",
            "settlesOn": "2026-11-27",
            "reason": None,
            "instrument": {"symbol": "AAPL"},
            "account": {"id": account},
            "executions": [{"venue": "paper", "quantity": "1.00", "price": money("100.01")}],
        }


async def test_what_a_client_missed_comes_once_and_first(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        async with site.subscribed(ann.user_id, ORDER_EVENTS, accountId=account) as events:
            await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
            await site.world.pass_time(200)
            heard = [(await events.next())["orderEvents"] for _ in range(3)]
        assert [event["type"] for event in heard] == ["ORDER_ACCEPTED", "ORDER_NEW", "ORDER_FILLED"]
        await ann.do(DEPOSIT, input={"accountId": account, "amount": money("1.00")})
        await placed(ann, account, "BUY", "KO", amount=money("20.00"))
        await site.world.pass_time(200)
        variables = {"accountId": account, "after": heard[0]["cursor"]}
        async with site.subscribed(ann.user_id, ORDER_EVENTS, **variables) as again:
            missed = [(await again.next())["orderEvents"] for _ in range(5)]
            await placed(ann, account, "BUY", "BAC", amount=money("30.00"))
            news = (await again.next())["orderEvents"]
        assert [event["cursor"] for event in missed[:2]] == [event["cursor"] for event in heard[1:]]
        assert [(event["type"], event["order"]["instrument"]["symbol"]) for event in missed[2:]] == [
            ("ORDER_ACCEPTED", "KO"),
            ("ORDER_NEW", "KO"),
            ("ORDER_FILLED", "KO"),
        ]
        assert (news["type"], news["order"]["instrument"]["symbol"]) == ("ORDER_ACCEPTED", "BAC")


async def test_an_order_canceled_in_its_window_never_was_dealt(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order_id = await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        payload = await ann.do(CANCEL, orderId=order_id)
        assert payload["errors"] == []
        assert payload["order"]["status"] == "CANCELED"
        assert (await cash(ann, account))["settled"] == "100.00"
        await site.world.pass_time(500)
        assert await site.world.pool.fetchval("SELECT count(*) FROM market_order") == 0
        again = await ann.do(CANCEL, orderId=order_id)
        [error] = again["errors"]
        assert (again["order"], error["code"], error["path"]) == (None, "ALREADY_FINAL", ["orderId"])


async def test_an_order_canceled_after_its_window_keeps_what_was_filled(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order_id = await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        site.world.clock.advance(timedelta(milliseconds=50))
        await site.world.engine.run_due()
        payload = await ann.do(CANCEL, orderId=order_id)
        assert payload["order"]["status"] == "PENDING_CANCEL"
        [error] = (await ann.do(CANCEL, orderId=order_id))["errors"]
        assert error["code"] == "ALREADY_PENDING"
        await site.world.pass_time(200)
        assert (await positions(ann, account))["AAPL"]["quantity"] == "0.49995"


async def test_selling_all_leaves_no_dust(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        for dollars in ("7.77", "13.13", "5.00"):
            await placed(ann, account, "BUY", "AAPL", amount=money(dollars))
            await site.world.pass_time(200)
        await placed(ann, account, "SELL", "AAPL", all=True)
        await site.world.pass_time(200)
        assert await positions(ann, account) == {}
        lots = await site.world.pool.fetch("SELECT remaining, remaining_cost FROM lot")
        assert all(tuple(lot) == (0, 0) for lot in lots)
        assert len(lots) == 3


async def test_an_order_after_hours_waits_for_the_open(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await site.world.jump(datetime(2026, 11, 25, 21, 30, tzinfo=UTC))
        order_id = await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        status = "query ($id: ID!) { node(id: $id) { ... on Order { status } } }"
        await site.world.pass_time(2_000, 500)
        assert (await ann.ask(status, id=order_id))["node"]["status"] == "ACCEPTED"
        await site.world.jump(datetime(2026, 11, 27, 14, 30, tzinfo=UTC))
        await site.world.pass_time(200)
        assert (await ann.ask(status, id=order_id))["node"]["status"] == "FILLED"


async def test_several_customers_orders_are_dealt_as_one_at_one_price(site: Site) -> None:
    async with site.client() as ann, site.client() as bob:
        first, second = await opened(ann, "1000.00"), await opened(bob, "1000.00")
        await placed(ann, first, "BUY", "AAPL", quantity="1.5")
        await placed(bob, second, "BUY", "AAPL", amount=money("333.33"))
        await site.world.pass_time(200)
        of_ann = (await ann.ask(LAST_ORDER, id=first))["node"]["orders"]["edges"][0]["node"]
        of_bob = (await bob.ask(LAST_ORDER, id=second))["node"]["orders"]["edges"][0]["node"]
        assert of_ann == of_bob == {"executions": [{"quantity": "5.00", "price": money("100.01")}]}
        assert await site.world.pool.fetchval("SELECT count(*) FROM market_order") == 1
        assert (await positions(ann, first))["AAPL"]["quantity"] == "1.50"
