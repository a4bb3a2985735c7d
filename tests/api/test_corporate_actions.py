"""Corporate actions over the API: operators announce and cancel them, customers see what became of their shares."""

from typing import Any

import pytest

from app.kernel.ids import new_id
from app.kernel.principal import Scope
from app.market.calendar import calendar_of
from resolvers.ids import encode_id
from tests.api.operations import ERRORS, opened, placed
from tests.api.site import Client, Json, Site
from tests.api.test_isolation import elsewhere
from tests.api.test_risk import ACTIVITY, operator
from tests.corporate_actions.company import MONDAY

pytestmark = pytest.mark.asyncio

ACTION = """
id kind status instrument { symbol } into { symbol } newShares oldShares cashPerShare { amount } fractions
price { amount } exDate recordDate payDate beginsAt effectiveAt accounts reason announcedBy announcedAt
canceledBy canceledAt cancelReason completedAt
"""
ANNOUNCE = f"""
mutation ($input: CorporateActionInput!, $key: String!) {{
  announceCorporateAction(input: $input, idempotencyKey: $key) {{ action {{ {ACTION} }} {ERRORS} }}
}}"""
CANCEL = f"""
mutation ($id: ID!, $reason: String!, $key: String!) {{
  cancelCorporateAction(actionId: $id, reason: $reason, idempotencyKey: $key) {{ action {{ {ACTION} }} {ERRORS} }}
}}"""
ACTIONS = f"{{ desk {{ corporateActions(first: 10) {{ edges {{ node {{ {ACTION} }} }} }} }} }}"
FIND = f"query ($id: ID!) {{ node(id: $id) {{ ... on CorporateAction {{ {ACTION} }} }} }}"
SPLIT = {
    "kind": "SPLIT",
    "symbol": "ko",
    "newShares": "4",
    "oldShares": "1",
    "exDate": "2026-11-30",
    "reason": "A test",
}
DIVIDEND = {
    "kind": "DIVIDEND",
    "symbol": "KO",
    "cashPerShare": "0.485",
    "exDate": "2026-11-30",
    "payDate": "2026-12-15",
    "reason": "A test",
}
MERGER = {"kind": "MERGER", "symbol": "KO", "intoSymbol": "PEP", "exDate": "2026-11-30", "reason": "A test"}


async def refused(site: Site, client: Client, query: str, **variables: Any) -> tuple[str, list[str]]:
    before = await site.world.everything()
    payload = await client.do(query, **variables)
    assert await site.world.everything() == before
    assert payload["action"] is None
    [error] = payload["errors"]
    assert 20 < len(error["message"]) < 300
    return error["code"], error["path"]


async def announced(desk: Client, **changed: Any) -> Json:
    payload = await desk.do(ANNOUNCE, input=SPLIT | changed)
    assert payload["errors"] == []
    found: Json = payload["action"]
    return found


async def test_a_split_from_announcing_to_the_end(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "1000.00")
        await placed(ann, account, "BUY", "KO", quantity="1.5")
        await site.world.pass_time(500)
        action = await announced(desk)
        assert action == {
            "id": action["id"],
            "kind": "SPLIT",
            "status": "ANNOUNCED",
            "instrument": {"symbol": "KO"},
            "into": None,
            "newShares": "4.00",
            "oldShares": "1.00",
            "cashPerShare": None,
            "fractions": "KEPT",
            "price": None,
            "exDate": "2026-11-30",
            "recordDate": "2026-11-30",
            "payDate": None,
            "beginsAt": "2026-11-27T17:50:00+00:00",  # the exchange closes early on the day after Thanksgiving
            "effectiveAt": "2026-11-27T18:00:00+00:00",
            "accounts": 0,
            "reason": "A test",
            "announcedBy": f"operator:{desk.user_id}",
            "announcedAt": site.world.clock.now().isoformat(),
            "canceledBy": None,
            "canceledAt": None,
            "cancelReason": None,
            "completedAt": None,
        }
        assert (await desk.ask(ACTIONS))["desk"]["corporateActions"]["edges"] == [{"node": action}]
        assert (await desk.ask(FIND, id=action["id"]))["node"] == action
        await site.world.jump(calendar_of("XNYS").session_bounds(MONDAY)[0])
        await site.world.act()
        done = (await desk.ask(FIND, id=action["id"]))["node"]
        assert (done["status"], done["accounts"]) == ("COMPLETED", 1)
        query = ACTIVITY.replace("type actor", "type actor transfers { amount asset credit { kind balance } }")
        edges = (await ann.ask(query, id=account))["node"]["activity"]["edges"]
        [split] = [edge["node"] for edge in edges if edge["node"]["type"] == "SPLIT"]
        assert split["actor"] == "engine"
        assert split["transfers"][-1] == {
            "amount": "4.50",
            "asset": "KO",
            "credit": {"kind": "POSITION", "balance": "6.00"},
        }
        assert "A test" not in str(edges)


async def test_an_action_is_canceled_before_it_begins_and_not_after(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "1000.00")
        action = await announced(desk)
        payload = await desk.do(CANCEL, id=action["id"], reason="A mistake")
        assert payload["errors"] == []
        canceled = payload["action"]
        assert (canceled["status"], canceled["canceledBy"]) == ("CANCELED", f"operator:{desk.user_id}")
        assert canceled["cancelReason"] == "A mistake"
        assert await refused(site, desk, CANCEL, id=action["id"], reason="Again") == ("ALREADY_CANCELED", ["actionId"])
        assert not await site.world.pool.fetch("SELECT 1 FROM instrument_split")
        again = await announced(desk, newShares="2")
        await site.world.jump(calendar_of("XNYS").session_bounds(MONDAY)[0])
        found = await refused(site, desk, CANCEL, id=again["id"], reason="Too late")
        assert found == ("ALREADY_BEGUN", ["actionId"])
        await site.world.act()
        await placed(ann, account, "BUY", "KO", quantity="1")  # trading goes on


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        (SPLIT | {"symbol": "NONE"}, "INSTRUMENT_UNKNOWN", ["symbol"]),
        (SPLIT | {"symbol": "BTC"}, "INSTRUMENT_UNSUITABLE", ["symbol"]),
        (SPLIT | {"intoSymbol": "PEP"}, "INSTRUMENT_UNSUITABLE", ["intoSymbol"]),
        (SPLIT | {"newShares": "1"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"newShares": None}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"oldShares": None}, "TERMS_INVALID", ["oldShares"]),
        (SPLIT | {"newShares": "0"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"newShares": "-4"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"newShares": "1001"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"newShares": "1.000000001"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"newShares": "9" * 30}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"cashPerShare": "1"}, "TERMS_INVALID", ["cashPerShare"]),
        (SPLIT | {"fractions": "CASH"}, "TERMS_INVALID", ["price"]),
        (SPLIT | {"kind": "REVERSE_SPLIT"}, "TERMS_INVALID", ["newShares"]),
        (SPLIT | {"exDate": "2026-11-28"}, "DATES_INVALID", ["exDate"]),
        (SPLIT | {"exDate": "2026-11-25"}, "DATES_INVALID", ["exDate"]),
        (SPLIT | {"exDate": "1900-01-02"}, "DATES_INVALID", ["exDate"]),
        (SPLIT | {"exDate": "2999-01-02"}, "DATES_INVALID", ["exDate"]),
        (SPLIT | {"payDate": "2026-12-15"}, "DATES_INVALID", ["payDate"]),
        (SPLIT | {"reason": " "}, "REASON_INVALID", ["reason"]),
        (SPLIT | {"reason": "a" * 501}, "REASON_INVALID", ["reason"]),
        (DIVIDEND | {"cashPerShare": None}, "TERMS_INVALID", ["cashPerShare"]),
        (DIVIDEND | {"newShares": "2", "oldShares": "1"}, "TERMS_INVALID", ["newShares"]),
        (DIVIDEND | {"fractions": "CASH"}, "TERMS_INVALID", ["fractions"]),
        (DIVIDEND | {"payDate": None}, "DATES_INVALID", ["payDate"]),
        (DIVIDEND | {"payDate": "2026-11-27"}, "DATES_INVALID", ["payDate"]),
        (DIVIDEND | {"payDate": "2028-11-27"}, "DATES_INVALID", ["payDate"]),
        (MERGER, "TERMS_INVALID", ["newShares"]),
        (MERGER | {"cashPerShare": "1", "intoSymbol": "KO"}, "INSTRUMENT_UNSUITABLE", ["intoSymbol"]),
        (MERGER | {"cashPerShare": "1", "intoSymbol": None}, "INSTRUMENT_UNSUITABLE", ["intoSymbol"]),
        (MERGER | {"cashPerShare": "1", "newShares": "1", "oldShares": "2"}, "TERMS_INVALID", ["price"]),
    ],
)
async def test_what_can_not_be_announced(site: Site, changed: Json, code: str, path: list[str]) -> None:
    async with operator(site) as desk:
        assert await refused(site, desk, ANNOUNCE, input=changed) == (code, path)


async def test_what_stands_against_another(site: Site) -> None:
    async with operator(site) as desk:
        await announced(desk)
        same_day = ("ALREADY_ANNOUNCED", ["exDate"])
        assert await refused(site, desk, ANNOUNCE, input=DIVIDEND) == same_day
        assert await refused(site, desk, ANNOUNCE, input=MERGER | {"cashPerShare": "1"}) == same_day
        earlier = MERGER | {"cashPerShare": "1", "exDate": "2026-11-27"}
        assert await refused(site, desk, ANNOUNCE, input=earlier) == same_day  # nothing would be left to split
        await announced(
            desk, **(MERGER | {"cashPerShare": "1", "exDate": "2026-12-02", "newShares": None, "oldShares": None})
        )
        assert await refused(site, desk, ANNOUNCE, input=DIVIDEND | {"exDate": "2026-12-03"}) == same_day


async def test_who_may_not(site: Site) -> None:
    async with operator(site) as desk, operator(site, Scope.READ) as viewer, site.client() as ann:
        action = await announced(desk)
        for client in (viewer, ann):
            assert await refused(site, client, ANNOUNCE, input=DIVIDEND) == ("FORBIDDEN", [])
            assert await refused(site, client, CANCEL, id=action["id"], reason="No") == ("FORBIDDEN", [])
        assert (await ann.ask(FIND, id=action["id"]))["node"] is None
        [error] = (await ann.answer(ACTIONS))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        nowhere = encode_id("CorporateAction", new_id())
        assert await refused(site, desk, CANCEL, id=nowhere, reason="No") == ("NOT_FOUND", ["actionId"])
        assert await refused(site, desk, CANCEL, id="nonsense", reason="No") == ("ID_INVALID", ["actionId"])


async def test_a_request_that_is_sent_again_changes_nothing(site: Site) -> None:
    async with operator(site) as desk:
        key = str(new_id())
        first = await desk.do(ANNOUNCE, input=SPLIT, key=key)
        before = await site.world.everything()
        assert await desk.do(ANNOUNCE, input=SPLIT, key=key) == first
        assert await site.world.everything() == before
        other = await refused(site, desk, ANNOUNCE, input=SPLIT | {"newShares": "5"}, key=key)
        assert other == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


async def test_one_tenant_does_not_split_the_prices_of_others(site: Site) -> None:
    async with operator(site) as desk, elsewhere(site, desk):
        assert await refused(site, desk, ANNOUNCE, input=SPLIT) == ("MARKET_SHARED", ["symbol"])
        assert (await desk.do(ANNOUNCE, input=DIVIDEND))["errors"] == []
        await site.world.pool.execute(
            "INSERT INTO instrument_split VALUES ($1, '2026-11-30 21:00+00', 4, 1)", site.world.instrument("KO").id
        )
        market = SPLIT | {"exDate": "2026-12-01"}
        differs = await refused(site, desk, ANNOUNCE, input=market | {"newShares": "3"})
        assert differs == ("TERMS_INVALID", ["newShares"])
        action = await announced(desk, exDate="2026-12-01")
        assert await refused(site, desk, CANCEL, id=action["id"], reason="No") == ("MARKET_SHARED", ["actionId"])
