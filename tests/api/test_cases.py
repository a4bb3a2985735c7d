"""Cases over the API: operators take, note and close them; nobody else knows of them."""

from typing import Any

import pytest

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.kernel.ids import new_id
from app.kernel.principal import Scope
from resolvers.ids import encode_id, uuid_in
from tests.api.operations import ERRORS, money, opened, placed
from tests.api.site import Client, Json, Site
from tests.api.test_risk import operator

pytestmark = pytest.mark.asyncio

CASE = """
id kind subjectType subjectId summary detail status ownerId openedAt closedAt
entries(first: 10) { edges { node { action actor note ownerId at } } }
"""


def mutation(name: str, argument: str = "", type_: str = "String!") -> str:
    variable, passed = (f", ${argument}: {type_}", f", {argument}: ${argument}") if argument else ("", "")
    return f"""
mutation ($id: ID!{variable}, $key: String!) {{
  {name}(caseId: $id{passed}, idempotencyKey: $key) {{ case {{ {CASE} }} {ERRORS} }}
}}"""


TAKE = mutation("assignCase")
ASSIGN = mutation("assignCase", "ownerId", "ID!")
NOTE = mutation("noteCase", "note")
RESOLVE = mutation("resolveCase", "reason")
DISMISS = mutation("dismissCase", "reason")
FIND = f"query ($id: ID!) {{ node(id: $id) {{ ... on Case {{ {CASE} }} }} }}"
CASES = "query ($status: CaseStatus) { desk { cases(first: 10, status: $status) { edges { node { id } } } } }"


async def a_case(site: Site, order: str) -> str:
    """The id of a case about that order."""
    subject = Subject(SubjectType.ORDER, uuid_in(order, "Order"))
    command = OpenCase(CaseKind.VENUE_ORDER_UNCLEAR, subject, "The venue is silent", "engine", {"asked": [1, "two"]})
    return encode_id("Case", await site.world.commits.submit(open_cases, command))


async def an_order(client: Client) -> str:
    return await placed(client, await opened(client, "100.00"), "BUY", "AAPL", amount=money("10.00"))


async def refused(site: Site, client: Client, query: str, **variables: Any) -> tuple[str, list[str]]:
    before = await site.world.everything()
    payload = await client.do(query, **variables)
    assert await site.world.everything() == before
    assert payload["case"] is None
    [error] = payload["errors"]
    assert 20 < len(error["message"]) < 300
    return error["code"], error["path"]


async def listed(client: Client, status: str | None = None) -> list[str]:
    edges = (await client.ask(CASES, status=status))["desk"]["cases"]["edges"]
    return [edge["node"]["id"] for edge in edges]


async def test_from_taking_to_resolving(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        order = await an_order(ann)
        id_ = await a_case(site, order)
        case = (await desk.ask(FIND, id=id_))["node"]
        assert (case["kind"], case["status"], case["ownerId"]) == ("VENUE_ORDER_UNCLEAR", "OPEN", None)
        assert (case["subjectType"], case["subjectId"], case["detail"]) == ("ORDER", order, {"asked": [1, "two"]})
        taken = (await desk.do(TAKE, id=id_))["case"]
        assert (taken["status"], taken["ownerId"]) == ("IN_PROGRESS", str(desk.user_id))
        colleague = str(new_id())
        assert (await desk.do(ASSIGN, id=id_, ownerId=colleague))["case"]["ownerId"] == colleague
        await desk.do(NOTE, id=id_, note="Called the venue")
        assert await listed(desk, "RESOLVED") == []
        closed = (await desk.do(RESOLVE, id=id_, reason="Filled by hand"))["case"]
        assert (closed["status"], closed["closedAt"]) == ("RESOLVED", site.world.clock.now().isoformat())
        who = f"operator:{desk.user_id}"
        steps = [edge["node"] for edge in closed["entries"]["edges"]]
        assert [(step["action"], step["actor"], step["note"], step["ownerId"]) for step in steps] == [
            ("OPENED", "engine", "The venue is silent", None),
            ("ASSIGNED", who, "", str(desk.user_id)),
            ("ASSIGNED", who, "", colleague),
            ("NOTED", who, "Called the venue", None),
            ("RESOLVED", who, "Filled by hand", None),
        ]
        assert await listed(desk, "RESOLVED") == await listed(desk) == [id_]
        assert await listed(desk, "OPEN") == []


async def test_who_may_not(site: Site) -> None:
    """Neither the customer whom it is about, nor an operator who may only look."""
    async with operator(site) as desk, operator(site, Scope.READ) as viewer, site.client() as ann:
        id_ = await a_case(site, await an_order(ann))
        for query, variables in requests(id_):
            for client in (viewer, ann):
                assert await refused(site, client, query, **variables) == ("FORBIDDEN", [])
        assert (await viewer.ask(FIND, id=id_))["node"]["status"] == "OPEN"
        assert (await ann.ask(FIND, id=id_))["node"] is None
        [error] = (await ann.answer(CASES))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert await listed(desk) == [id_]


async def test_what_can_not_be_done(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        order = await an_order(ann)
        id_ = await a_case(site, order)
        nowhere = encode_id("Case", new_id())
        for query, variables in requests(id_):
            for wrong, code in ((nowhere, "NOT_FOUND"), (order, "ID_INVALID"), ("", "ID_INVALID")):
                assert await refused(site, desk, query, **{**variables, "id": wrong}) == (code, ["caseId"])
            again = await refused(site, desk, query, **variables, key="again")
            assert again == ("IDEMPOTENCY_KEY_INVALID", ["idempotencyKey"])
        assert await refused(site, desk, ASSIGN, id=id_, ownerId="nobody") == ("ID_INVALID", ["ownerId"])
        assert await refused(site, desk, NOTE, id=id_, note="") == ("NOTE_INVALID", ["note"])
        assert await refused(site, desk, DISMISS, id=id_, reason="a\0b") == ("NOTE_INVALID", ["reason"])
        await desk.do(DISMISS, id=id_, reason="A glitch")
        for query, variables in requests(id_):
            assert await refused(site, desk, query, **variables) == ("ALREADY_CLOSED", ["caseId"])


async def test_a_request_that_is_sent_again_changes_nothing(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        id_ = await a_case(site, await an_order(ann))
        for query, variables in requests(id_):
            key = str(new_id())
            first = await desk.do(query, **variables, key=key)
            assert first["errors"] == []
            before = await site.world.everything()
            assert await desk.do(query, **variables, key=key) == first
            assert await site.world.everything() == before
            if "reason" in variables:
                break
            other = await refused(site, desk, RESOLVE, id=id_, reason="Decided", key=key)
            assert other == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


def requests(case: str) -> list[tuple[str, Json]]:
    """What an operator could do with the case."""
    return [
        (TAKE, {"id": case}),
        (ASSIGN, {"id": case, "ownerId": str(new_id())}),
        (NOTE, {"id": case, "note": "Something"}),
        (RESOLVE, {"id": case, "reason": "Decided"}),
        (DISMISS, {"id": case, "reason": "Nothing"}),
    ]
