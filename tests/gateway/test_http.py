"""GraphQL over HTTP: status codes, headers, and what is refused before it costs anything."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from app.gateway.app import GatewayOptions
from app.gateway.http import GRAPHQL, JSON, negotiate
from tests.gateway.site import Site, serving

ASKED = {"query": "{ hello }"}
HELLO = {"data": {"hello": "hello you"}}


def _error(response: httpx2.Response) -> dict[str, Any]:
    body = response.json()
    assert list(body) == ["errors"]
    [error] = body["errors"]
    found: dict[str, Any] = error
    return found


@pytest.mark.asyncio
async def test_an_answer(site: Site) -> None:
    async with site.client() as client:
        response = await client.post("/graphql", json=ASKED)
    assert (response.status_code, response.json()) == (200, HELLO)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/*", JSON),
        ("text/html", JSON),
        ("", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json;q=0.5, */*;q=0.1", GRAPHQL),
        ("application/graphql-response+json;q=0, text/html", JSON),
        ("application/graphql-response+json;q=x, */*", JSON),
        ("text/event-stream, application/json", JSON),
    ],
)
def test_the_newer_content_type_is_for_those_who_prefer_it(accept: str, media: str) -> None:
    assert negotiate(accept) == media


@pytest.mark.asyncio
async def test_the_content_type_is_the_one_asked_for(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/graphql", json=ASKED, headers={"Accept": GRAPHQL})
        refusal = await client.post("/graphql", json={"query": "{"}, headers={"Accept": GRAPHQL})
    assert answer.headers["content-type"] == refusal.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert (answer.status_code, refusal.status_code) == (200, 400)


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_which_one_to_use(site: Site, method: str) -> None:
    async with site.client() as client:
        response = await client.request(method, "/graphql", params={"query": "{ hello }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "POST" in _error(response)["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "challenge", "message"),
    [
        ({}, "Bearer", "A token is needed"),
        ({"Authorization": "Bearer nonsense"}, 'Bearer error="invalid_token"', "can't be verified"),
        ({"Authorization": "Bearer"}, 'Bearer error="invalid_token"', "must be of the form"),
        ({"Authorization": "Basic YTpi"}, 'Bearer error="invalid_token"', "must be of the form"),
    ],
)
async def test_strangers_are_turned_away_before_anything_is_read(
    site: Site, headers: dict[str, str], challenge: str, message: str
) -> None:
    async with site.client(headers) as client:
        response = await client.post("/graphql", content=b"not even JSON")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == challenge
    error = _error(response)
    assert message in error["message"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert site.laboratory.contexts == []


@pytest.mark.asyncio
async def test_a_token_that_has_expired_is_no_token(site: Site) -> None:
    async with site.client() as client:
        assert (await client.post("/graphql", json=ASKED)).status_code == 200
        site.clock.advance(timedelta(hours=1))
        response = await client.post("/graphql", json=ASKED)
    assert response.status_code == 401
    assert "expired" in _error(response)["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; Charset=UTF-8", 200),
        ('application/json; charset="utf-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("multipart/form-data", 415),
        (None, 415),
    ],
)
async def test_only_json_is_taken(site: Site, content_type: str | None, status: int) -> None:
    # A form or plain text is what a page of another site could send without asking first.
    headers = {"Content-Type": content_type} if content_type else {}
    async with site.client() as client:
        response = await client.post("/graphql", content=b'{"query": "{ hello }"}', headers=headers)
    assert response.status_code == status


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"query": "{ hello }"', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b"null", "is an object"),
        (b'"{ hello }"', "is an object"),
        (b"[]", "batches"),
        (b'[{"query": "{ hello }"}]', "batches"),
        (b"{}", '"query" must be a string'),
        (b'{"query": 1}', '"query" must be a string'),
        (b'{"query": null}', '"query" must be a string'),
        (b'{"query": "{ hello }", "operationName": 1}', '"operationName" must be a string'),
        (b'{"query": "{ hello }", "variables": "{}"}', '"variables" must be an object'),
        (b'{"query": "{ hello }", "variables": [1]}', '"variables" must be an object'),
        (b'{"query": "{ hello }", "extensions": "x"}', '"extensions" must be an object'),
        (b'{"query": ""}', "Syntax Error"),
        (b'{"query": "subscription { count(to: 1) }"}', "need a WebSocket"),
    ],
)
async def test_what_is_no_request_is_refused(site: Site, body: bytes, message: str) -> None:
    async with site.client() as client:
        response = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    error = _error(response)
    assert message in error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert site.laboratory.contexts == []


@pytest.mark.asyncio
async def test_null_and_absent_are_the_same(site: Site) -> None:
    asked = {**ASKED, "variables": None, "operationName": None, "extensions": None, "unknown": 1}
    async with site.client() as client:
        assert (await client.post("/graphql", json=asked)).json() == HELLO


@pytest.mark.asyncio
async def test_a_body_is_bounded_whether_or_not_it_says_its_length(site: Site) -> None:
    async def pieces() -> Any:
        for _ in range(200):
            yield b" " * 1_000

    async with site.client({**site.authorization, "Content-Type": "application/json"}) as client:
        at_once = await client.post("/graphql", content=b" " * 100_001)
        streamed = await client.post("/graphql", content=pieces())
        just_fits = await client.post("/graphql", content=b'{"query": "{ hello }"}'.ljust(100_000))
    assert (at_once.status_code, streamed.status_code, just_fits.status_code) == (413, 413, 200)
    assert "100000 bytes" in _error(at_once)["message"]


@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_written_is_a_fault_of_ours(site: Site) -> None:
    async with site.client() as client:
        with capture_logs() as logs:
            response = await client.post("/graphql", json={"query": "{ unspeakable }"})
    assert response.status_code == 500
    assert logs[0]["reference"] in _error(response)["message"]


@pytest.mark.asyncio
async def test_an_operation_has_its_time() -> None:
    async with serving(GatewayOptions(timeout=0.05)) as site, site.client() as client:
        response = await client.post("/graphql", json={"query": "{ slow }"})
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"] == {"code": "TIMEOUT"}


@pytest.mark.asyncio
async def test_requests_run_side_by_side() -> None:
    async with serving(GatewayOptions(timeout=0.5)) as site, site.client() as client:
        slow = asyncio.create_task(client.post("/graphql", json={"query": "{ slow }"}))
        await site.laboratory.started.wait()
        assert (await client.post("/graphql", json=ASKED)).json() == HELLO
        assert not slow.done()
        assert (await slow).json()["errors"][0]["extensions"] == {"code": "TIMEOUT"}


@pytest.mark.asyncio
async def test_pages_of_configured_sites_may_call() -> None:
    friend, stranger = "https://app.example.com", "https://evil.example.com"
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    async with serving(GatewayOptions(origins=(friend,))) as site, site.client() as client:
        allowed = await client.options("/graphql", headers={"Origin": friend, **asking})
        refused = await client.options("/graphql", headers={"Origin": stranger, **asking})
        answer = await client.post("/graphql", json=ASKED, headers={"Origin": friend})
        unread = await client.post("/graphql", json=ASKED, headers={"Origin": stranger})
    assert (allowed.status_code, refused.status_code) == (200, 400)
    assert allowed.headers["access-control-allow-origin"] == answer.headers["access-control-allow-origin"] == friend
    assert "access-control-allow-origin" not in unread.headers


@pytest.mark.asyncio
async def test_without_configured_sites_no_other_may_call(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/graphql", json=ASKED, headers={"Origin": "https://app.example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
