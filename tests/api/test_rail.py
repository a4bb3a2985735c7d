"""Without the sandbox rail no money comes out of nowhere."""

import pytest

from tests.api.operations import DEPOSIT, OPEN_ACCOUNT, WITHDRAW, money
from tests.api.site import serving

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("query", [DEPOSIT, WITHDRAW], ids=["deposit", "withdraw"])
async def test_no_money_moves_where_the_rail_is_off(database_url: str, query: str) -> None:
    async with serving(database_url, sandbox_rail=False) as site, site.client() as ann:
        account = (await ann.do(OPEN_ACCOUNT, name="Rainy days"))["account"]["id"]
        before = await site.world.everything()
        payload = await ann.do(query, input={"accountId": account, "amount": money("1.00")})
        assert await site.world.everything() == before
        [error] = payload["errors"]
        assert (error["code"], error["path"], payload["account"]) == ("RAIL_UNAVAILABLE", [], None)
