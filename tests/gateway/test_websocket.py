"""graphql-transport-ws: who may connect, how a client greets, and what is no message."""

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from app.gateway.app import GatewayOptions
from app.gateway.connection import Pace
from tests.gateway.site import Site, serving
from tests.gateway.transports import Socket

pytestmark = pytest.mark.asyncio

MOMENT = 0.02


async def _ends(site: Site, *messages: str | bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """How the socket is closed after these messages."""
    async with site.socket(headers) as connection:
        for message in messages:
            await connection.send(message)
        return await Socket(connection).closed()


def _init(site: Site) -> str:
    return json.dumps({"type": "connection_init", "payload": site.authorization})


@pytest.mark.parametrize("protocol", [None, "graphql-ws", "mqtt"])
async def test_only_one_protocol_is_spoken(site: Site, protocol: str | None) -> None:
    async with site.socket(protocol=protocol) as connection:
        assert connection.subprotocol is None
        assert await Socket(connection).closed() == (4406, "Subprotocol not acceptable")


@pytest.mark.parametrize("name", ["Authorization", "authorization", "token"])
async def test_the_token_comes_with_the_greeting(site: Site, name: str) -> None:
    payload = {name: site.token() if name == "token" else f"Bearer {site.token()}"}
    async with site.socket() as connection:
        assert connection.subprotocol == "graphql-transport-ws"
        await Socket(connection).greet(payload)


@pytest.mark.parametrize("message", ['{"type": "connection_init"}', '{"type": "connection_init", "payload": null}'])
async def test_or_the_token_comes_with_the_handshake(site: Site, message: str) -> None:
    async with site.socket(site.authorization) as connection:
        await connection.send(message)
        assert await Socket(connection).receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, {"token": 3}, {"token": ""}],
)
async def test_without_a_valid_token_the_socket_is_forbidden(site: Site, payload: dict[str, Any] | None) -> None:
    # 4403 is what clients try again with a fresh token.
    code, reason = await _ends(site, json.dumps({"type": "connection_init", "payload": payload}))
    assert code == 4403
    assert reason.startswith("Forbidden: ")


async def test_a_wrong_token_in_the_greeting_is_not_healed_by_the_handshake(site: Site) -> None:
    message = json.dumps({"type": "connection_init", "payload": {"token": "nonsense"}})
    assert (await _ends(site, message, headers=site.authorization))[0] == 4403


async def test_the_greeting_has_its_time() -> None:
    async with serving(GatewayOptions(pace=Pace(init_timeout=MOMENT))) as site:
        assert await _ends(site) == (4408, "Connection initialisation timeout")


async def test_pings_before_the_greeting_are_answered(site: Site) -> None:
    async with site.socket() as connection:
        socket = Socket(connection)
        await socket.send({"type": "ping", "payload": {"n": 1}})
        assert await socket.receive() == {"type": "pong", "payload": {"n": 1}}
        await socket.send({"type": "pong"})
        await socket.greet(dict(site.authorization))


async def test_one_greeting_is_enough(site: Site) -> None:
    assert await _ends(site, _init(site), _init(site)) == (4429, "Too many initialisation requests")


async def test_nothing_runs_before_the_greeting(site: Site) -> None:
    message = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "{ hello }"}})
    assert (await _ends(site, message))[0] == 4401
    assert site.laboratory.contexts == []


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://app.example.com", True),
        ("http://127.0.0.1:{port}", True),
        ("https://evil.example.com", False),
        ("http://127.0.0.1:1", False),
        ("null", False),
    ],
)
async def test_pages_of_other_sites_may_not_connect(origin: str | None, allowed: bool) -> None:
    async with serving(GatewayOptions(origins=("https://app.example.com",))) as site:
        headers = {"Origin": origin.format(port=site.port)} if origin else {}
        if allowed:
            async with site.socket(headers) as connection:
                await Socket(connection).greet(dict(site.authorization))
        else:
            with pytest.raises(InvalidStatus) as refusal:
                async with site.socket(headers):
                    pass
            assert refusal.value.response.status_code == 403


# Messages


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "is an object with a type"),
        ('[{"type": "ping"}]', "is an object with a type"),
        ("3", "is an object with a type"),
        ("null", "is an object with a type"),
        ("{}", '"type" must be a string'),
        ('{"type": 3}', '"type" must be a string'),
        ('{"type": "start"}', "unknown message type 'start'"),
        ('{"type": "next", "id": "1"}', "unknown message type 'next'"),
        (json.dumps({"type": "é" * 200}), "unknown message type 'ééé"),
        ('{"type": "ping", "payload": 3}', '"payload" must be an object'),
        ('{"type": "pong", "payload": []}', '"payload" must be an object'),
        ('{"type": "complete"}', '"id" must be a string'),
        ('{"type": "complete", "id": 1}', '"id" must be a string'),
        ('{"type": "subscribe", "payload": {"query": "{ hello }"}}', '"id" must be a string'),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}', '"id" must be a string'),
        ('{"type": "subscribe", "id": "1"}', "payload: a request is an object"),
        ('{"type": "subscribe", "id": "1", "payload": []}', "payload: batches are not taken"),
        ('{"type": "subscribe", "id": "1", "payload": {}}', 'payload: "query" must be a string'),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": 3}}',
            'payload: "variables" must be an object',
        ),
        (b'{"type": "ping"}', "binary frames are not taken"),
    ],
)
@pytest.mark.parametrize("greeted", [True, False])
async def test_malformed_messages_close_with_a_reason(
    site: Site, message: str | bytes, reason: str, greeted: bool
) -> None:
    code, said = await _ends(site, *([_init(site)] if greeted else []), message)
    assert code == 4400
    assert reason in said
    assert len(said.encode()) <= 123


async def test_a_greeting_may_be_malformed_too(site: Site) -> None:
    assert (await _ends(site, '{"type": "connection_init", "payload": "token"}'))[0] == 4400


async def test_a_message_is_bounded(site: Site) -> None:
    message = json.dumps({"type": "ping", "payload": {"x": "x" * 200_000}})
    assert (await _ends(site, _init(site), message))[0] == 1009
