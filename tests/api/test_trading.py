"""Limits, replacing, previews that warn, and what operators can do, over the API."""

from datetime import timedelta
from typing import Any

import pytest

from app.kernel.principal import Role, Scope
from app.venues.paper import PaperBehaviour
from tests.api.operations import CANCEL, ERRORS, money, opened, placed
from tests.api.site import Client, Site

pytestmark = pytest.mark.asyncio

REPLACE = f"""
mutation ($orderId: ID!, $change: OrderChange!, $key: String!) {{
  replaceOrder(orderId: $orderId, change: $change, idempotencyKey: $key) {{
    order {{ id status replacedBy {{ id status quantity limitPrice {{ amount }} replaces {{ id }} }} }} {ERRORS}
  }}
}}"""
STANDING = """
query ($id: ID!) { node(id: $id) { ... on Order {
  status type limitPrice { amount } timeInForce expiresAt filledQuantity reason replacedBy { id } } } }"""
PREVIEW = f"""
mutation ($input: OrderInput!) {{
  previewOrder(input: $input) {{
    preview {{
      price {{ amount }} bestPrice {{ amount }} worstPrice {{ amount }} quantity leastQuantity mostQuantity hold
      sufficient expiresAt cashAfter {{ settled {{ amount }} unsettled {{ amount }} held {{ amount }} }}
      warnings {{ kind until }} refusals {{ code path }}
    }}
    {ERRORS}
  }}
}}"""
DESK_ORDERS = """
query ($filter: OrderFilter) { desk { orders(first: 10, filter: $filter) { edges { node { id status } } } } }"""
STUCK = """
{ desk { marketOrders(first: 5, stuck: true) { edges { node {
  id status venueOrder { venue status number sentAt heardAt } allocations(first: 10) { edges { node { orderId } } }
} } } } }"""
FORCE_EXPIRE = f"""
mutation ($orderId: ID!, $reason: String!, $key: String!) {{
  forceExpireOrder(orderId: $orderId, reason: $reason, idempotencyKey: $key) {{
    order {{ id status reason }} {ERRORS} }} }}"""
ASK_AGAIN = f"""
mutation ($id: ID!, $reason: String!, $key: String!) {{
  askVenueAgain(marketOrderId: $id, reason: $reason, idempotencyKey: $key) {{ marketOrder {{ id }} {ERRORS} }} }}"""
KILL = f"""
mutation ($input: KillSwitchInput!, $key: String!) {{
  engageKillSwitch(input: $input, idempotencyKey: $key) {{ rule {{ id }} {ERRORS} }} }}"""


async def standing(client: Client, order: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.ask(STANDING, id=order))["node"]
    return found


async def test_a_limit_order_is_placed_replaced_and_canceled(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        limit = {"type": "LIMIT", "limitPrice": money("95.00"), "timeInForce": "GTC"}
        order = await placed(ann, account, "BUY", "KO", quantity="5", **limit)
        found = await standing(ann, order)
        assert (found["type"], found["limitPrice"], found["timeInForce"], found["expiresAt"]) == (
            "LIMIT",
            money("95.00"),
            "GTC",
            None,
        )
        at_once = await ann.do(REPLACE, orderId=order, change={"limitPrice": money("94.00"), "quantity": "6"})
        assert at_once["errors"] == []
        second = at_once["order"]["replacedBy"]
        assert at_once["order"]["status"] == "REPLACED"
        assert (second["quantity"], second["limitPrice"], second["replaces"]["id"]) == ("6.00", money("94.00"), order)
        await site.world.pass_time(500)
        in_flight = await ann.do(REPLACE, orderId=second["id"], change={"quantity": "7"})
        assert (in_flight["order"]["status"], in_flight["order"]["replacedBy"]) == ("PENDING_REPLACE", None)
        await site.world.pass_time(1_000)
        third = (await standing(ann, second["id"]))["replacedBy"]["id"]
        assert (await standing(ann, third))["status"] == "NEW"
        await ann.do(CANCEL, orderId=third)
        await site.world.pass_time(1_000)
        assert (await standing(ann, third))["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("order", "code", "path"),
    [
        ({"type": "LIMIT"}, "LIMIT_PRICE_REQUIRED", "limitPrice"),
        ({"limitPrice": money("95.00")}, "LIMIT_PRICE_NOT_ALLOWED", "limitPrice"),
        ({"type": "LIMIT", "limitPrice": money("95.001")}, "LIMIT_PRICE_INVALID", "limitPrice"),
        ({"type": "LIMIT", "limitPrice": money("-1")}, "LIMIT_PRICE_INVALID", "limitPrice"),
        ({"timeInForce": "GTC"}, "TIME_IN_FORCE_NOT_ALLOWED", "timeInForce"),
        ({"type": "LIMIT", "limitPrice": money("95"), "timeInForce": "GTD"}, "EXPIRY_INVALID", "expiresAt"),
        (
            {"type": "LIMIT", "limitPrice": money("95"), "timeInForce": "GTD", "expiresAt": "2026-12-01T15:00:00"},
            "EXPIRY_INVALID",
            "expiresAt",
        ),
        ({"type": "LIMIT", "limitPrice": money("120.00")}, "PRICE_OUTSIDE_COLLAR", "limitPrice"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(site: Site, order: dict[str, Any], code: str, path: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        before = await site.world.everything()
        asked = {"accountId": account, "symbol": "KO", "side": "BUY", "quantity": "1", **order}
        payload = await ann.do(
            f"mutation ($input: OrderInput!, $key: String!) {{"
            f" placeOrder(input: $input, idempotencyKey: $key) {{ {ERRORS} }} }}",
            input=asked,
        )
        assert [(each["code"], each["path"]) for each in payload["errors"]] == [(code, [path])]
        assert await site.world.everything() == before


async def test_a_preview_tells_the_range_the_cash_after_and_what_stands_against_it(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order = {"accountId": account, "symbol": "KO", "side": "BUY", "amount": money("50.00")}
        found = (await ann.do(PREVIEW, input=order))["preview"]
        assert found["bestPrice"] == money("100.01")
        assert found["worstPrice"] == money("105.0105")
        assert found["leastQuantity"] < found["quantity"] == found["mostQuantity"]
        assert found["cashAfter"] == {
            "settled": money("50.00"),
            "unsettled": money("0.00"),
            "held": money("50.00"),
        }
        assert (found["warnings"], found["refusals"]) == ([], [])
        too_much = {**order, "amount": None, "quantity": "3", "type": "LIMIT", "limitPrice": money("120.00")}
        found = (await ann.do(PREVIEW, input=too_much))["preview"]
        assert [each["code"] for each in found["refusals"]] == ["PRICE_OUTSIDE_COLLAR", "INSUFFICIENT_FUNDS"]
        assert found["sufficient"] is False


async def test_a_preview_warns_of_unsettled_money(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "KO", amount=money("100.00"))
        await site.world.pass_time(300)
        await placed(ann, account, "SELL", "KO", all=True)
        await site.world.pass_time(300)
        again = {"accountId": account, "symbol": "KO", "side": "BUY", "amount": money("50.00")}
        found = (await ann.do(PREVIEW, input=again))["preview"]
        assert found["warnings"] == [{"kind": "UNSETTLED_FUNDING", "until": "2026-11-27"}]
        await placed(ann, account, "BUY", "KO", amount=money("50.00"))
        await site.world.pass_time(300)
        sale = {"accountId": account, "symbol": "KO", "side": "SELL", "all": True}
        found = (await ann.do(PREVIEW, input=sale))["preview"]
        assert found["warnings"] == [{"kind": "GOOD_FAITH_VIOLATION", "until": "2026-11-27"}]


async def test_operators_find_stuck_orders_and_end_them(site: Site) -> None:
    site.world.venue._dealing._behaviour = PaperBehaviour(acknowledge_ms=(10**9, 10**9), first_ms=(10**9, 10**9))
    async with (
        site.client() as ann,
        site.client(roles=[Role.OPERATOR], scopes=[Scope.READ, Scope.OPERATE]) as operator,
    ):
        account = await opened(ann, "1000.00")
        order = await placed(ann, account, "BUY", "KO", quantity="2")
        await site.world.pass_time(300)
        assert (await operator.ask(STUCK))["desk"]["marketOrders"]["edges"] == []
        site.world.clock.advance(timedelta(minutes=2))
        [edge] = (await operator.ask(STUCK))["desk"]["marketOrders"]["edges"]
        made = edge["node"]
        assert made["allocations"]["edges"] == [{"node": {"orderId": order}}]
        assert (made["venueOrder"]["venue"], made["venueOrder"]["status"]) == ("paper", "PENDING_NEW")
        found = await operator.ask(DESK_ORDERS, filter={"stuck": True, "symbol": "KO", "statuses": ["NEW"]})
        assert found["desk"]["orders"]["edges"] == [{"node": {"id": order, "status": "NEW"}}]
        elsewhere = await operator.ask(DESK_ORDERS, filter={"stuck": True, "symbol": "AAPL"})
        assert elsewhere["desk"]["orders"]["edges"] == []
        asked = await operator.do(ASK_AGAIN, id=made["id"], reason="It is silent")
        assert asked["errors"] == []
        before = await site.world.everything()
        refused = await operator.do(FORCE_EXPIRE, orderId=order, reason=" ")
        assert [each["code"] for each in refused["errors"]] == ["REASON_INVALID"]
        by_ann = await ann.do(FORCE_EXPIRE, orderId=order, reason="I want to")
        assert [each["code"] for each in by_ann["errors"]] == ["FORBIDDEN"]
        assert await site.world.everything() == before
        forced = await operator.do(FORCE_EXPIRE, orderId=order, reason="The venue is down")
        assert forced["order"] == {"id": order, "status": "EXPIRED", "reason": "The venue is down"}
        assert (await standing(ann, order))["reason"] == "The venue is down"
        held = "SELECT sum(balance) FROM ledger.account WHERE kind = 5"
        assert await site.world.pool.fetchval(held) == 0


async def test_a_kill_switch_over_the_api_ends_orders(site: Site) -> None:
    async with (
        site.client() as ann,
        site.client(roles=[Role.OPERATOR], scopes=[Scope.READ, Scope.OPERATE]) as operator,
    ):
        account = await opened(ann, "1000.00")
        limit = {"type": "LIMIT", "limitPrice": money("95.00"), "timeInForce": "GTC"}
        order = await placed(ann, account, "BUY", "KO", quantity="5", **limit)
        await site.world.pass_time(500)
        killed = await operator.do(KILL, input={"symbol": "KO", "reason": "Runaway"})
        assert killed["errors"] == []
        await site.world.pass_time(900)
        found = await standing(ann, order)
        assert (found["status"], found["reason"]) == ("CANCELED", "stopped by a kill switch")
