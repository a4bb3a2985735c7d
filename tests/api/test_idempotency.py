"""A request that is sent again gets its first answer and changes nothing; a key that is used again is refused."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.kernel.ids import new_id
from tests.api.operations import CANCEL, DEPOSIT, OPEN_ACCOUNT, PLACE, WITHDRAW, money, opened, placed
from tests.api.site import Client, Json, Site

pytestmark = pytest.mark.asyncio


async def requests(client: Client) -> dict[str, tuple[str, Json, Json]]:
    """By name: a mutation, its input, and other input."""
    account = await opened(client, "1000.00")
    buy = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": money("10.00")}
    orders = [await placed(client, account, "BUY", "KO", amount=money("5.00")) for _ in range(2)]
    cash = {"accountId": account, "amount": money("1.00")}
    return {
        "openAccount": (OPEN_ACCOUNT, {"name": "Rainy days"}, {"name": "Sunny days"}),
        "deposit": (DEPOSIT, {"input": cash}, {"input": {**cash, "amount": money("1.01")}}),
        "withdraw": (WITHDRAW, {"input": cash}, {"input": {**cash, "amount": money("1.01")}}),
        "placeOrder": (PLACE, {"input": buy}, {"input": {**buy, "amount": money("10.01")}}),
        "cancelOrder": (CANCEL, {"orderId": orders[0]}, {"orderId": orders[1]}),
    }


async def refused(site: Site, client: Client, query: str, **variables: Any) -> None:
    before = await site.world.everything()
    payload = await client.do(query, **variables)
    assert await site.world.everything() == before
    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


async def test_the_same_request_gets_the_same_answer_and_changes_nothing(site: Site) -> None:
    async with site.client() as ann:
        for query, asked, _ in (await requests(ann)).values():
            key = str(new_id())
            first = await ann.do(query, **asked, key=key)
            assert first["errors"] == []
            before = await site.world.everything()
            assert await ann.do(query, **asked, key=key) == first
            assert await ann.do(query, **asked, key=UUID(key).hex.upper()) == first
            assert await site.world.everything() == before


async def test_ten_times_at_once_is_once(site: Site) -> None:
    async with site.client() as ann:
        for name, (query, asked, _) in (await requests(ann)).items():
            position = "SELECT position FROM ledger.journal_head"
            before, key = await site.world.pool.fetchval(position), str(new_id())
            answers = await asyncio.gather(*(ann.do(query, **asked, key=key) for _ in range(10)))
            assert answers == [answers[0]] * 10, name
            assert answers[0]["errors"] == []
            assert await site.world.pool.fetchval(position) == before + 1


async def test_a_key_with_other_input_is_refused(site: Site) -> None:
    async with site.client() as ann:
        for query, asked, other in (await requests(ann)).values():
            key = str(new_id())
            await ann.do(query, **asked, key=key)
            await refused(site, ann, query, **other, key=key)


async def test_a_key_of_another_mutation_is_refused(site: Site) -> None:
    async with site.client() as ann:
        asked = await requests(ann)
        for name, (query, variables, _) in asked.items():
            key = str(new_id())
            await ann.do(query, **variables, key=key)
            for other in asked.keys() - {name}:
                await refused(site, ann, asked[other][0], **asked[other][1], key=key)


async def test_input_that_means_the_same_is_the_same(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        key = str(new_id())
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": money("10.00")}
        first = await ann.do(PLACE, input=order, key=key)
        again = {**order, "symbol": "aapl", "amount": {"amount": "10", "currency": "USD"}, "all": False}
        assert await ann.do(PLACE, input=again, key=key) == first
        key = str(new_id())
        deposited = await ann.do(DEPOSIT, input={"accountId": account, "amount": money("5.00")}, key=key)
        assert await ann.do(DEPOSIT, input={"accountId": account, "amount": money("5.0")}, key=key) == deposited


async def test_a_key_belongs_to_its_caller(site: Site) -> None:
    async with site.client() as ann, site.client() as bob:
        key = str(new_id())
        first = await ann.do(OPEN_ACCOUNT, name="Rainy days", key=key)
        second = await bob.do(OPEN_ACCOUNT, name="Sunny days", key=key)
        assert second["errors"] == []
        assert first["account"]["id"] != second["account"]["id"]


async def test_what_was_refused_may_be_tried_again_with_its_key(site: Site) -> None:
    async with site.client() as ann:
        account, key = await opened(ann), str(new_id())
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": money("10.00")}
        before = await site.world.everything()
        assert (await ann.do(PLACE, input=order, key=key))["errors"][0]["code"] == "INSUFFICIENT_FUNDS"
        assert await site.world.everything() == before
        await ann.do(DEPOSIT, input={"accountId": account, "amount": money("10.00")})
        assert (await ann.do(PLACE, input=order, key=key))["errors"] == []


async def test_the_first_answer_stands_whatever_has_become_of_the_market(site: Site) -> None:
    async with site.client() as ann:
        account, key = await opened(ann, "100.00"), str(new_id())
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "quantity": "0.1"}
        first = await ann.do(PLACE, input=order, key=key)
        prices, apple = site.world.quotes.prices, site.world.instrument("AAPL").id
        prices[apple] = Decimal("10.00")  # now it would be worth too little
        assert await ann.do(PLACE, input=order, key=key) == first
        del prices[apple]
        assert await ann.do(PLACE, input=order, key=key) == first
        await refused(site, ann, PLACE, input={**order, "quantity": "0.2"}, key=key)
