"""What an investor does, over HTTP and WebSocket, from the first account to a sale that has settled."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.operations import (
    CANCEL,
    DEPOSIT,
    OPEN_ACCOUNT,
    ORDER_EVENTS,
    PLACE,
    PREVIEW,
    WITHDRAW,
    cash,
    money,
    opened,
    placed,
    positions,
)
from tests.api.site import Site
from tests.world import WEDNESDAY

pytestmark = pytest.mark.asyncio

ACTIVITY = """
query ($id: ID!) {
  node(id: $id) { ... on Account { activity(first: 20) { edges { node {
    id sequence type actor order { id } effectiveAt
    transfers { asset amount debit { kind book balance } credit { kind book balance } }
  } } } } }
}"""

LAST_ORDER = """
query ($id: ID!) {
  node(id: $id) { ... on Account { orders(first: 1) { edges { node {
    executions { quantity price { amount } }
  } } } } }
}"""


async def test_an_account_is_opened_and_is_the_callers(site: Site) -> None:
    async with site.client() as ann:
        payload = await ann.do(OPEN_ACCOUNT, name="  Rainy days ")
        account = payload["account"]
        assert payload["errors"] == []
        assert (account["name"], account["status"]) == ("Rainy days", "ACTIVE")
        data = await ann.ask("{ viewer { id accounts(first: 10) { edges { node { id } } } } }")
        assert data["viewer"]["id"] == str(ann.user_id)
        assert data["viewer"]["accounts"]["edges"] == [{"node": {"id": account["id"]}}]


async def test_a_preview_says_what_the_order_then_does(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order = {"accountId": account, "symbol": "aapl", "side": "BUY", "amount": money("50.00")}
        before = await site.world.everything()
        payload = await ann.do(PREVIEW, input=order)
        assert await site.world.everything() == before
        assert payload["errors"] == []
        assert payload["preview"] == {
            "instrument": {"symbol": "AAPL"},
            "price": money("100.01"),
            "quantity": "0.49995",
            "amount": money("50.00"),
            "hold": "50.00",
            "sufficient": True,
            "cash": {"buyingPower": money("100.00")},
            "tradesAt": WEDNESDAY.isoformat(),
            "windowMilliseconds": 50,
            "settlesOn": "2026-11-27",
        }
        too_much = await ann.do(PREVIEW, input={**order, "amount": money("100.01")})
        assert too_much["preview"]["sufficient"] is False


async def test_a_preview_outside_trading_hours_says_when_it_would_trade(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await site.world.jump(datetime(2026, 11, 26, 15, 0, tzinfo=UTC))
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": money("50.00")}
        preview = (await ann.do(PREVIEW, input=order))["preview"]
        assert preview["tradesAt"] == "2026-11-27T14:30:00+00:00"
        assert preview["windowMilliseconds"] == 500


async def test_a_fill_is_heard_over_the_websocket(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        async with site.subscribed(ann.user_id, ORDER_EVENTS, accountId=account) as events:
            order_id = await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
            accepted = (await events.next())["orderEvents"]
            assert (accepted["type"], accepted["lastQuantity"]) == ("ORDER_ACCEPTED", None)
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


async def test_positions_and_cash_kinds_while_an_order_is_open_and_after(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "AAPL", quantity="0.5")
        before = await cash(ann, account)
        assert before == {
            "settled": "47.49",  # the hold is the quote × 1.05, up to the next cent
            "unsettled": "0.00",
            "instant": "0.00",
            "pending": "0.00",
            "held": "52.51",
            "owed": "0.00",
            "buyingPower": "47.49",
            "withdrawable": "47.49",
        }
        assert await positions(ann, account) == {}
        await site.world.pass_time(200)
        after = await cash(ann, account)
        assert (after["settled"], after["held"]) == ("49.99", "0.00")
        assert await positions(ann, account) == {
            "AAPL": {
                "instrument": {"symbol": "AAPL"},
                "quantity": "0.50",
                "held": "0.00",
                "available": "0.50",
                "cost": money("50.01"),
                "averageCost": money("100.02"),
                "marketValue": money("50.00"),
                "gain": money("-0.01"),
            }
        }


async def test_the_journal_tells_where_every_dollar_went(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order_id = await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        await site.world.pass_time(200)
        edges = (await ann.ask(ACTIVITY, id=account))["node"]["activity"]["edges"]
    entries = [edge["node"] for edge in edges]
    assert [(entry["sequence"], entry["type"]) for entry in entries] == [
        (5, "ORDER_FILLED"),
        (4, "ORDER_NEW"),
        (3, "ORDER_ACCEPTED"),
        (2, "DEPOSIT"),
        (1, "ACCOUNT_OPENED"),
    ]
    assert [entry["order"] for entry in entries] == [{"id": order_id}] * 3 + [None] * 2
    assert [entry["actor"] for entry in entries] == ["engine"] * 2 + [f"investor:{ann.user_id}"] * 3
    assert entries[2]["transfers"] == [
        {
            "asset": "USD",
            "amount": "10.00",
            "debit": {"kind": "SETTLED", "book": "CUSTOMER", "balance": "90.00"},
            "credit": {"kind": "HELD", "book": "CUSTOMER", "balance": "10.00"},
        }
    ]
    assert [
        (each["asset"], each["amount"], each["debit"]["kind"], each["credit"]["kind"])
        for each in entries[0]["transfers"]
    ] == [("AAPL", "0.09999", "MARKET_ORDER", "POSITION"), ("USD", "10.00", "HELD", "MARKET_ORDER")]
    # Whose balance it is not, does not see it.
    assert entries[0]["transfers"][0]["debit"] == {"kind": "MARKET_ORDER", "book": "MARKET_ORDER", "balance": None}


async def test_proceeds_settle_on_the_second_business_day_after_thanksgiving_eve(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        await site.world.pass_time(200)
        await placed(ann, account, "SELL", "AAPL", amount=money("20.00"))
        assert (await positions(ann, account))["AAPL"]["held"] == "0.210021"
        await site.world.pass_time(200)
        sold = await cash(ann, account)
        assert (sold["settled"], sold["unsettled"], sold["buyingPower"]) == ("50.00", "20.00", "70.00")
        assert sold["withdrawable"] == "50.00"
        await site.world.jump(datetime(2026, 11, 27, 4, 59, tzinfo=UTC))
        assert (await cash(ann, account))["unsettled"] == "20.00"
        await site.world.jump(datetime(2026, 11, 27, 5, 1, tzinfo=UTC))  # it is Friday in New York
        settled = await cash(ann, account)
        assert (settled["settled"], settled["unsettled"], settled["withdrawable"]) == ("70.00", "0.00", "70.00")
        payload = await ann.do(WITHDRAW, input={"accountId": account, "amount": money("70.00")})
        assert (payload["errors"], payload["entry"]["type"]) == ([], "WITHDRAWAL")
        assert (await cash(ann, account))["settled"] == "0.00"


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


async def test_money_and_numbers_are_strings_never_floats(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "0.10")
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": {"amount": 10.5}}
        answer = await ann.answer(PLACE, input=order, key="0" * 32)
        [error] = answer["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert 'A Decimal is a string such as "10.50", got 10.5' in error["message"]
