"""A refusal for want of something says how much was needed, how much there was, and which orders hold the rest."""

from typing import Any

import pytest

from tests.api.operations import money, opened, placed
from tests.api.site import Client, Site
from tests.api.test_accounting import APPROVE, PROPOSE
from tests.api.test_risk import operator

pytestmark = pytest.mark.asyncio

SHORTAGE = "shortage { asset needed available missing holds { held order { id side instrument { symbol } } } }"
WITHDRAW = f"""
mutation ($account: ID!, $amount: MoneyInput!, $key: String!) {{
  withdraw(input: {{accountId: $account, amount: $amount}}, idempotencyKey: $key) {{ errors {{ code {SHORTAGE} }} }}
}}"""
PLACE = f"""
mutation ($input: OrderInput!, $key: String!) {{
  placeOrder(input: $input, idempotencyKey: $key) {{ errors {{ code {SHORTAGE} }} }}
}}"""


APPROVE_SHORT = f"""
mutation ($id: ID!, $key: String!) {{
  approveManualJournal(journalId: $id, idempotencyKey: $key) {{ errors {{ code {SHORTAGE} }} }}
}}"""


async def refusal(client: Client, query: str, **variables: Any) -> dict[str, Any]:
    payload = await client.do(query, **variables)
    [error] = payload["errors"]
    found: dict[str, Any] = error
    return found


async def test_what_is_held_by_orders_is_named(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        await placed(ann, account, "BUY", "AAPL", amount=money("300.00"))
        await site.world.pass_time(300)
        first = await placed(ann, account, "BUY", "KO", amount=money("200.00"))
        before = await site.world.everything()
        out = await refusal(ann, WITHDRAW, account=account, amount=money("600.00"))
        assert out == {
            "code": "INSUFFICIENT_FUNDS",
            "shortage": {
                "asset": "USD",
                "needed": "600.00",
                "available": "500.00",
                "missing": "100.00",
                "holds": [{"held": "200.00", "order": {"id": first, "side": "BUY", "instrument": {"symbol": "KO"}}}],
            },
        }
        buy = {"accountId": account, "symbol": "KO", "side": "BUY", "amount": money("500.01")}
        assert (await refusal(ann, PLACE, input=buy))["shortage"]["missing"] == "0.01"
        assert await site.world.everything() == before


async def test_shares_behind_open_sales_are_named(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        await placed(ann, account, "BUY", "AAPL", quantity="3")
        await site.world.pass_time(300)
        sale = await placed(ann, account, "SELL", "AAPL", quantity="2.5")
        sell = {"accountId": account, "symbol": "AAPL", "side": "SELL", "quantity": "1"}
        short = await refusal(ann, PLACE, input=sell)
        assert short["code"] == "INSUFFICIENT_SHARES"
        assert [short["shortage"][name] for name in ("asset", "needed", "available", "missing")] == [
            "AAPL", "1.00", "0.50", "0.50",
        ]  # fmt: skip
        assert [each["order"]["id"] for each in short["shortage"]["holds"]] == [sale]


async def test_so_does_a_journal_by_hand(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague, site.client() as ann:
        account = await opened(ann, "100.00")
        order = await placed(ann, account, "BUY", "KO", amount=money("30.00"))
        fee = [
            {"debit": "SETTLED", "credit": "FEES", "amount": "80.00"},
            {"debit": "FIRM_BANK", "credit": "FBO", "amount": "80.00"},
        ]
        asked = {"kind": "FEE", "accountId": account, "lines": fee, "reason": "For the year"}
        made = (await desk.do(PROPOSE, input=asked))["journal"]
        found = await refusal(colleague, APPROVE_SHORT, id=made["id"])
        assert found == {
            "code": "INSUFFICIENT",
            "shortage": {
                "asset": "USD",
                "needed": "80.00",
                "available": "70.00",
                "missing": "10.00",
                "holds": [{"held": "30.00", "order": {"id": order, "side": "BUY", "instrument": {"symbol": "KO"}}}],
            },
        }
        own = (await refusal(desk, APPROVE_SHORT, id=made["id"]))["shortage"]
        assert own is None, "four eyes are no shortage"


async def test_what_the_firm_has_not_got_is_held_by_nobody(site: Site) -> None:
    async with operator(site) as desk, operator(site) as colleague:
        lines = [{"debit": "FEES", "credit": "CASH", "amount": "1.00"}]
        made = (await desk.do(PROPOSE, input={"lines": lines, "reason": "Moved"}))["journal"]
        found = (await refusal(colleague, APPROVE_SHORT, id=made["id"]))["shortage"]
        assert found == {"asset": "USD", "needed": "1.00", "available": "0.00", "missing": "1.00", "holds": []}
        assert (await colleague.do(APPROVE, id=made["id"]))["errors"][0]["code"] == "INSUFFICIENT"


async def test_other_refusals_fall_short_of_nothing(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1.00")
        assert (await refusal(ann, WITHDRAW, account=account, amount=money("-1.00")))["shortage"] is None
