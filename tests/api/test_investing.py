"""What an investor does, over HTTP and WebSocket, from the first account to a sale that has settled."""

from datetime import UTC, datetime

import pytest

from tests.api.operations import (
    OPEN_ACCOUNT,
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
