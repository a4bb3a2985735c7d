"""Closing an account: its owner may, once nothing is left and nothing is open, and is told what is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.kernel.ids import new_id
from tests.api.operations import DEPOSIT, ERRORS, WITHDRAW, money, opened, placed
from tests.api.site import Client, Site
from tests.api.test_risk import operator

pytestmark = pytest.mark.asyncio

CLOSE = f"""
mutation ($id: ID!, $key: String!) {{
  closeAccount(accountId: $id, idempotencyKey: $key) {{ account {{ id status activity(first: 1) {{
    edges {{ node {{ type }} }}
  }} }} {ERRORS} }}
}}"""
CANCEL = f"mutation ($id: ID!, $key: String!) {{ cancelOrder(orderId: $id, idempotencyKey: $key) {{ {ERRORS} }} }}"


async def refused(site: Site, client: Client, account: str, **more: Any) -> tuple[str, str]:
    before = await site.world.everything()
    payload = await client.do(CLOSE, id=account, **more)
    assert await site.world.everything() == before
    [error] = payload["errors"]
    return error["code"], error["message"]


async def test_it_says_what_is_left(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order = await placed(ann, account, "BUY", "AAPL", amount=money("30.00"))
        assert await refused(site, ann, account) == (
            "OPEN_ORDERS",
            "An order is open in the account; cancel what is open, or wait for its end.",
        )
        await ann.do(CANCEL, id=order)
        await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        await site.world.pass_time(200)
        await placed(ann, account, "SELL", "AAPL", amount=money("20.00"))
        await site.world.pass_time(200)
        code, message = await refused(site, ann, account)
        assert code == "NOT_EMPTY"
        assert "50.00 USD settled, 20.00 USD not settled yet, 0.29" in message
        assert "AAPL held" in message


async def test_an_empty_account_is_closed_for_good(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        await site.world.pass_time(200)
        await placed(ann, account, "SELL", "AAPL", all=True)
        await site.world.pass_time(200)
        await site.world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        found = await refused(site, ann, account)
        left = found[1].split(": ")[1].split(" ")[0]
        await ann.do(WITHDRAW, input={"accountId": account, "amount": money(left)})
        key = str(new_id())
        payload = await ann.do(CLOSE, id=account, key=key)
        assert payload["errors"] == []
        assert payload["account"] == {
            "id": account,
            "status": "CLOSED",
            "activity": {"edges": [{"node": {"type": "ACCOUNT_CLOSED"}}]},
        }
        assert await ann.do(CLOSE, id=account, key=key) == payload
        assert (await refused(site, ann, account))[0] == "ALREADY_CLOSED"
        declined = await ann.do(DEPOSIT, input={"accountId": account, "amount": money("1.00")})
        assert declined["errors"][0]["code"] == "ACCOUNT_CLOSED"


async def test_who_may_not(site: Site) -> None:
    async with site.client() as ann, site.client() as bob, operator(site) as desk:
        account = await opened(ann)
        assert (await refused(site, bob, account))[0] == "NOT_FOUND"
        assert (await refused(site, desk, account))[0] == "FORBIDDEN"
        assert (await refused(site, ann, "x"))[0] == "ID_INVALID"
