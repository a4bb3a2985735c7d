"""What is answered is the same over every transport."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.gateway.site import USER, Site
from tests.gateway.transports import Transport, over_http, over_websocket

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize("transport", [over_http, over_websocket]),
]


async def test_a_query(site: Site, transport: Transport) -> None:
    async with transport(site) as client:
        assert await client.ask("{ hello me oneMoment }") == {
            "data": {"hello": "hello you", "me": str(USER), "oneMoment": True}
        }
    assert [context.closed for context in site.laboratory.contexts] == [1]


async def test_variables_and_the_operations_name(site: Site, transport: Transport) -> None:
    query = "query One($name: String!) { hello(name: $name) } mutation Two($name: String!) { keep(word: $name) }"
    async with transport(site) as client:
        assert await client.ask(query, {"name": "Ann"}, "One") == {"data": {"hello": "hello Ann"}}
        assert await client.ask(query, {"name": "Bob"}, "Two") == {"data": {"keep": "kept Bob"}}


async def test_each_operation_has_a_context_of_its_own(site: Site, transport: Transport) -> None:
    async with transport(site) as client:
        for _ in range(3):
            await client.ask("{ me }")
    assert [context.closed for context in site.laboratory.contexts] == [1, 1, 1]


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ hello", None, "Syntax Error"),
        ("{ helo }", None, "Cannot query field 'helo'"),
        ("{ tree " + "{ left " * 15 + "{ name }" + "}" * 15 + "}", None, "levels of fields"),
        ("query ($name: String!) { hello(name: $name) }", None, "$name"),
        ("query ($name: String!) { hello(name: $name) }", {"name": 3}, "$name"),
        ("query One { hello } query Two { hello }", None, "operationName"),
    ],
)
async def test_request_errors(
    site: Site, transport: Transport, query: str, variables: dict[str, Any] | None, message: str
) -> None:
    async with transport(site) as client:
        answer = await client.ask(query, variables)
        assert "data" not in answer
        assert message in answer["errors"][0]["message"]
        assert answer["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
        assert await client.ask("{ hello }") == {"data": {"hello": "hello you"}}
    assert all(context.closed == 1 for context in site.laboratory.contexts)


async def test_errors_while_executing(site: Site, transport: Transport) -> None:
    async with transport(site) as client:
        with capture_logs():
            answer = await client.ask("{ hello denied broken refused }")
    assert answer["data"] == {"hello": "hello you", "denied": None, "broken": None, "refused": None}
    codes = {error["path"][0]: error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {"denied": "FORBIDDEN", "broken": "INTERNAL", "refused": "NOT_FOUND"}
    assert "secret" not in str(answer)


async def test_a_null_answer_is_an_answer(site: Site, transport: Transport) -> None:
    async with transport(site) as client:
        with capture_logs():
            answer = await client.ask("{ brokenEntirely }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_introspection(site: Site, transport: Transport) -> None:
    async with transport(site) as client:
        answer = await client.ask('{ __schema { queryType { name } } __type(name: "Money") { kind } }')
    assert answer == {"data": {"__schema": {"queryType": {"name": "Query"}}, "__type": {"kind": "SCALAR"}}}
