"""Risk rules over the API: operators set and end them, customers see that it was done, nobody else does either."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.clients.reads import accounts_by_id
from app.kernel.ids import new_id
from app.kernel.principal import Role, Scope
from app.ledger.batch import Batch
from app.market.types import InstrumentKind
from app.risk.cash_account import SoldPart
from app.risk.violations import record_violations
from resolvers.ids import encode_id, uuid_in
from tests.api.operations import ERRORS, money, opened, placed
from tests.api.site import Client, Json, Site
from tests.api.test_isolation import elsewhere

pytestmark = pytest.mark.asyncio

RULE = """
id kind value account { id } instrument { symbol } perAccount reason effectiveFrom effectiveUntil inForce
setBy setAt endedBy endedAt endReason
"""
SET = f"""
mutation ($input: RiskRuleInput!, $key: String!) {{
  setRiskRule(input: $input, idempotencyKey: $key) {{ rule {{ {RULE} }} {ERRORS} }}
}}"""
END = f"""
mutation ($id: ID!, $reason: String!, $key: String!) {{
  endRiskRule(ruleId: $id, reason: $reason, idempotencyKey: $key) {{ rule {{ {RULE} }} {ERRORS} }}
}}"""
ENGAGE = f"""
mutation ($input: KillSwitchInput!, $key: String!) {{
  engageKillSwitch(input: $input, idempotencyKey: $key) {{ rule {{ {RULE} }} {ERRORS} }}
}}"""
RELEASE = ENGAGE.replace("engageKillSwitch", "releaseKillSwitch")
RULES = f"{{ desk {{ riskRules(first: 10) {{ edges {{ node {{ {RULE} }} }} }} }} }}"
ACTIVITY = """
query ($id: ID!) { node(id: $id) { ... on Account { activity(first: 10) { edges { node { type actor } } } } } }
"""
LIMIT = {"kind": "MAX_ORDER_VALUE", "value": "500.00", "reason": "A test"}
SWITCH = {"reason": "A test"}


@asynccontextmanager
async def operator(site: Site, *scopes: Scope) -> AsyncIterator[Client]:
    """An operator, who may by default see and change the desk."""
    async with site.client(roles=[Role.OPERATOR], scopes=scopes or (Scope.READ, Scope.OPERATE)) as client:
        yield client


async def refused(site: Site, client: Client, query: str, **variables: Any) -> tuple[str, list[str]]:
    """Why not; nothing has changed."""
    before = await site.world.everything()
    payload = await client.do(query, **variables)
    assert await site.world.everything() == before
    assert payload["rule"] is None
    [error] = payload["errors"]
    assert 20 < len(error["message"]) < 300
    return error["code"], error["path"]


async def test_a_rule_from_setting_to_ending(site: Site) -> None:
    async with operator(site) as desk:
        payload = await desk.do(SET, input=LIMIT)
        assert payload["errors"] == []
        rule = payload["rule"]
        who, now = f"operator:{desk.user_id}", site.world.clock.now().isoformat()
        assert rule == {
            "id": rule["id"],
            "kind": "MAX_ORDER_VALUE",
            "value": "500.00",
            "account": None,
            "instrument": None,
            "perAccount": False,
            "reason": "A test",
            "effectiveFrom": now,
            "effectiveUntil": None,
            "inForce": True,
            "setBy": who,
            "setAt": now,
            "endedBy": None,
            "endedAt": None,
            "endReason": None,
        }
        assert (await desk.ask(RULES))["desk"]["riskRules"]["edges"] == [{"node": rule}]
        ended = await desk.do(END, id=rule["id"], reason="Enough")
        assert ended["errors"] == []
        assert ended["rule"] == {**rule, "inForce": False, "endedBy": who, "endedAt": now, "endReason": "Enough"}
        found = await desk.ask(
            f"query ($id: ID!) {{ node(id: $id) {{ ... on RiskRule {{ {RULE} }} }} }}", id=rule["id"]
        )
        assert found["node"] == ended["rule"]


async def test_the_customer_sees_that_a_rule_was_set_and_ended_and_no_more(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann, site.client() as bob:
        hers, his = await opened(ann), await opened(bob)
        payload = await desk.do(ENGAGE, input={**SWITCH, "accountId": hers, "symbol": "aapl"})
        rule = payload["rule"]
        assert (rule["account"], rule["instrument"]) == ({"id": hers}, {"symbol": "AAPL"})
        released = await desk.do(RELEASE, input={"reason": "Over", "accountId": hers, "symbol": "AAPL"})
        assert released["rule"]["id"] == rule["id"]
        actor = f"operator:{desk.user_id}"
        edges = (await ann.ask(ACTIVITY, id=hers))["node"]["activity"]["edges"]
        assert [edge["node"] for edge in edges][:2] == [
            {"type": "RISK_RULE_ENDED", "actor": actor},
            {"type": "RISK_RULE_SET", "actor": actor},
        ]
        edges = (await bob.ask(ACTIVITY, id=his))["node"]["activity"]["edges"]
        assert [edge["node"]["type"] for edge in edges] == ["ACCOUNT_OPENED"]
        assert (await ann.ask("query ($id: ID!) { node(id: $id) { id } }", id=rule["id"]))["node"] is None
        [error] = (await ann.answer(RULES))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


async def test_the_customer_sees_a_violation_with_its_order(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        order = await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        id_, book = uuid_in(account, "Account"), await book_of(site, account)
        sold_by = uuid_in(order, "Order")
        part = SoldPart(id_, book, InstrumentKind.EQUITY, sold_by, new_id(), date(2026, 11, 25), 0, None, unpaid=1)

        async def violate(batch: Batch, commands: Sequence[SoldPart]) -> list[UUID]:
            return await record_violations(batch, commands)

        await site.world.commits.submit(violate, part)
        query = ACTIVITY.replace("type actor", "type actor order { id }")
        edges = (await ann.ask(query, id=account))["node"]["activity"]["edges"]
        assert edges[0]["node"] == {"type": "FREE_RIDING", "actor": "engine", "order": {"id": order}}


async def book_of(site: Site, account: str) -> int:
    async with site.world.read() as connection:
        id_ = uuid_in(account, "Account")
        return (await accounts_by_id(connection, [id_]))[id_].book_id


async def test_who_may_not(site: Site) -> None:
    """An investor with every scope, an operator without the scope to operate: nothing changes."""
    async with operator(site) as desk, operator(site, Scope.READ) as viewer, site.client() as ann:
        account = await opened(ann)
        rule = (await desk.do(ENGAGE, input=SWITCH))["rule"]
        requests: list[tuple[str, Json]] = [
            (SET, {"input": {**LIMIT, "accountId": account}}),
            (END, {"id": rule["id"], "reason": "Enough"}),
            (ENGAGE, {"input": SWITCH}),
            (RELEASE, {"input": SWITCH}),
        ]
        for query, variables in requests:
            for client in (viewer, ann):
                assert await refused(site, client, query, **variables) == ("FORBIDDEN", [])
        assert [edge["node"]["inForce"] for edge in (await viewer.ask(RULES))["desk"]["riskRules"]["edges"]] == [True]


async def test_another_tenants_operator_finds_nothing(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann)
        rule = (await desk.do(ENGAGE, input=SWITCH))["rule"]
        async with (
            elsewhere(site, desk) as other,
            site.client(tenant_id=await tenant_of(other, site), roles=[Role.OPERATOR]) as stranger,
        ):
            assert (await stranger.ask(RULES))["desk"]["riskRules"]["edges"] == []
            assert (await stranger.ask("query ($id: ID!) { node(id: $id) { id } }", id=rule["id"]))["node"] is None
            assert await refused(site, stranger, END, id=rule["id"], reason="Enough") == ("NOT_FOUND", ["ruleId"])
            assert await refused(site, stranger, RELEASE, input=SWITCH) == ("NOT_ENGAGED", [])
            asked = {**LIMIT, "accountId": account}
            assert await refused(site, stranger, SET, input=asked) == ("NOT_FOUND", ["accountId"])


async def tenant_of(client: Client, site: Site) -> Any:
    """The tenant made last."""
    return await site.world.pool.fetchval("SELECT id FROM tenant ORDER BY id DESC LIMIT 1")


async def test_what_can_not_be_set(site: Site) -> None:
    now = site.world.clock.now()
    cases: dict[str, tuple[Json, str, list[str]]] = {
        "no value": ({"value": None}, "VALUE_INVALID", ["value"]),
        "a value with nine decimals": ({"value": "1.123456789"}, "VALUE_INVALID", ["value"]),
        "far too large a value": ({"value": "9" * 40}, "VALUE_INVALID", ["value"]),
        "a value beyond 64 bits": ({"value": "92233720368547758.08"}, "VALUE_INVALID", ["value"]),
        "no reason": ({"reason": ""}, "REASON_INVALID", ["reason"]),
        "each account of no count": ({"perAccount": True}, "SCOPE_INVALID", ["perAccount"]),
        "a halt of everything": ({"kind": "HALTED", "value": None}, "SCOPE_INVALID", ["accountId"]),
        "an unknown symbol": ({"symbol": "NOPE"}, "INSTRUMENT_UNKNOWN", ["symbol"]),
        "an account that is not there": ({"accountId": encode_id("Account", new_id())}, "NOT_FOUND", ["accountId"]),
        "no id of an account": ({"accountId": "x"}, "ID_INVALID", ["accountId"]),
        "an end that has passed": ({"effectiveUntil": now.isoformat()}, "DATES_INVALID", ["effectiveUntil"]),
        "a time without an offset": ({"effectiveFrom": "2026-11-26T15:00:00"}, "DATES_INVALID", ["effectiveFrom"]),
        "a time before all": ({"effectiveFrom": "0001-01-01T00:00:00+14:00"}, "DATES_INVALID", ["effectiveFrom"]),
    }
    async with operator(site) as desk:
        for name, (changed, code, path) in cases.items():
            assert await refused(site, desk, SET, input={**LIMIT, **changed}) == (code, path), name
        assert await refused(site, desk, SET, input=LIMIT, key="again") == (
            "IDEMPOTENCY_KEY_INVALID",
            ["idempotencyKey"],
        )


async def test_what_can_not_be_ended_or_released(site: Site) -> None:
    async with operator(site) as desk:
        rule = (await desk.do(SET, input=LIMIT))["rule"]
        nowhere = encode_id("RiskRule", new_id())
        assert await refused(site, desk, END, id=nowhere, reason="Enough") == ("NOT_FOUND", ["ruleId"])
        assert await refused(site, desk, END, id="x", reason="Enough") == ("ID_INVALID", ["ruleId"])
        assert await refused(site, desk, END, id=rule["id"], reason=" ") == ("REASON_INVALID", ["reason"])
        await desk.do(END, id=rule["id"], reason="Enough")
        assert await refused(site, desk, END, id=rule["id"], reason="Enough") == ("ALREADY_ENDED", ["ruleId"])
        assert await refused(site, desk, RELEASE, input=SWITCH) == ("NOT_ENGAGED", [])
        await desk.do(ENGAGE, input={**SWITCH, "symbol": "KO"})
        assert await refused(site, desk, RELEASE, input=SWITCH) == ("NOT_ENGAGED", [])
        unknown = {**SWITCH, "symbol": "NOPE"}
        assert await refused(site, desk, RELEASE, input=unknown) == ("INSTRUMENT_UNKNOWN", ["symbol"])


async def test_a_request_that_is_sent_again_changes_nothing(site: Site) -> None:
    async with operator(site) as desk:
        later = (site.world.clock.now() + timedelta(days=1)).isoformat()
        asked = {**LIMIT, "symbol": "aapl", "effectiveUntil": later}
        rule = (await desk.do(SET, input=asked))["rule"]
        requests: list[tuple[str, Json, Json]] = [
            (SET, {"input": asked}, {"input": {**asked, "value": "501"}}),
            (ENGAGE, {"input": SWITCH}, {"input": {**SWITCH, "symbol": "KO"}}),
            (RELEASE, {"input": SWITCH}, {"input": {"reason": "Another"}}),
            (END, {"id": rule["id"], "reason": "Enough"}, {"id": rule["id"], "reason": "More than that"}),
        ]
        for query, variables, other in requests:
            key = str(new_id())
            first = await desk.do(query, **variables, key=key)
            assert first["errors"] == []
            before = await site.world.everything()
            again = await desk.do(query, **variables, key=key)
            assert again["rule"]["id"] == first["rule"]["id"]
            assert await site.world.everything() == before
            reused = await refused(site, desk, query, **other, key=key)
            assert reused == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
        key = str(new_id())
        first = await desk.do(SET, input=asked, key=key)
        same = {**asked, "symbol": "AAPL", "value": "500", "perAccount": False}
        assert await desk.do(SET, input=same, key=key) == first
