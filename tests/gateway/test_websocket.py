"""graphql-transport-ws: greeting, operations, and every way in which a socket ends."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from app.gateway.app import GatewayOptions
from app.gateway.connection import Pace
from tests.gateway.site import Site, serving
from tests.gateway.transports import DEADLINE, Socket, over_websocket

pytestmark = pytest.mark.asyncio

MOMENT = 0.02
LETTERS = 100_000


def _pace(**pace: Any) -> AbstractAsyncContextManager[Site]:
    return serving(GatewayOptions(pace=Pace(**pace)))


async def _ends(site: Site, *messages: str | bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """How the socket is closed after these messages."""
    async with site.socket(headers) as connection:
        for message in messages:
            await connection.send(message)
        return await Socket(connection).closed()


def _init(site: Site) -> str:
    return json.dumps({"type": "connection_init", "payload": site.authorization})


# Greeting


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
    async with _pace(init_timeout=MOMENT) as site:
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


# Operations


async def test_a_subscription(site: Site) -> None:
    async with over_websocket(site) as socket:
        await socket.subscribe("a", "subscription ($to: Int!) { count(to: $to) }", {"to": 2})
        assert [await socket.receive() for _ in range(3)] == [
            {"type": "next", "id": "a", "payload": {"data": {"count": 1}}},
            {"type": "next", "id": "a", "payload": {"data": {"count": 2}}},
            {"type": "complete", "id": "a"},
        ]
        # The id is free again.
        assert (await _first(socket, "a", "subscription { oneMoment }"))["payload"] == {"data": {"oneMoment": False}}
    assert [context.closed for context in site.laboratory.contexts] == [1, 1]


async def _first(socket: Socket, id_: str, query: str) -> dict[str, Any]:
    await socket.subscribe(id_, query)
    return await socket.receive()


async def test_operations_run_side_by_side(site: Site) -> None:
    async with over_websocket(site) as socket:
        await socket.subscribe("slow", "{ slow }")
        await site.laboratory.started.wait()
        assert await socket.ask("{ hello }") == {"data": {"hello": "hello you"}}


@pytest.mark.parametrize(
    ("id_", "reason"), [("a", "Subscriber for a already exists"), ("é" * 200, "Subscriber for " + "é" * 54)]
)
async def test_an_id_in_use_closes_the_socket_and_ends_what_ran(site: Site, id_: str, reason: str) -> None:
    async with over_websocket(site) as socket:
        await socket.subscribe(id_, "subscription { forEver }")
        await site.laboratory.started.wait()
        await socket.subscribe(id_, "{ hello }")
        # No close frame carries more than 123 bytes of reason.
        assert await socket.closed() == (4409, reason)
    await _cleaned_up(site)


async def _cleaned_up(site: Site) -> None:
    async with asyncio.timeout(DEADLINE):
        await site.laboratory.cleaned_up.wait()
        await site.sockets.drain()
    assert all(context.closed == 1 for context in site.laboratory.contexts)


async def test_complete_ends_the_operation_and_frees_its_id(site: Site) -> None:
    async with over_websocket(site) as socket:
        assert (await _first(socket, "a", "subscription { forEver }"))["type"] == "next"
        await site.laboratory.started.wait()
        await socket.send({"type": "complete", "id": "a"})
        assert (await _first(socket, "a", "subscription { oneMoment }"))["payload"] == {"data": {"oneMoment": False}}
        # By the time that the next message was read, the first operation had cleaned up.
        assert site.laboratory.cleaned_up.is_set()
        assert site.laboratory.contexts[0].closed == 1


async def test_completing_what_does_not_run_is_nothing(site: Site) -> None:
    async with over_websocket(site) as socket:
        await socket.send({"type": "complete", "id": "never"})
        assert await socket.ask("{ hello }") == {"data": {"hello": "hello you"}}


@pytest.mark.parametrize("field", ["denied", "deniedAtOnce"])
async def test_a_denied_subscription_is_an_error(site: Site, field: str) -> None:
    async with over_websocket(site) as socket:
        answer = await _first(socket, "a", f"subscription {{ {field} }}")
        assert (answer["type"], answer["id"]) == ("error", "a")
        assert answer["payload"][0]["extensions"] == {"code": "FORBIDDEN"}
        assert await socket.ask("{ hello }") == {"data": {"hello": "hello you"}}


async def test_a_subscription_that_breaks_ends_with_a_masked_error(site: Site) -> None:
    async with over_websocket(site) as socket:
        with capture_logs() as logs:
            assert (await _first(socket, "a", "subscription { breaks }"))["type"] == "next"
            broken = await socket.receive()
        assert (broken["type"], broken["id"]) == ("error", "a")
        assert logs[0]["reference"] in broken["payload"][0]["message"]
        assert await socket.ask("{ hello }") == {"data": {"hello": "hello you"}}


async def test_an_answer_that_cannot_be_written_ends_only_its_operation(site: Site) -> None:
    async with over_websocket(site) as socket:
        with capture_logs():
            answer = await socket.ask("{ unspeakable }")
        assert answer["errors"][0]["extensions"] == {"code": "INTERNAL"}
        assert await socket.ask("{ hello }") == {"data": {"hello": "hello you"}}


async def test_operations_on_a_socket_are_bounded() -> None:
    async with _pace(operations=2) as site, over_websocket(site) as socket:
        for id_ in ("a", "b"):
            assert (await _first(socket, id_, "subscription { forEver }"))["type"] == "next"
        refusal = await _first(socket, "c", "subscription { forEver }")
        assert (refusal["type"], refusal["id"]) == ("error", "c")
        assert refusal["payload"][0]["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        await socket.send({"type": "complete", "id": "a"})
        assert (await _first(socket, "c", "subscription { forEver }"))["type"] == "next"


async def test_a_client_that_leaves_takes_its_operations_along(site: Site) -> None:
    async with over_websocket(site) as socket:
        await socket.subscribe("a", "subscription { forEver }")
        await site.laboratory.started.wait()
    await _cleaned_up(site)


async def test_a_client_that_is_cut_off_takes_its_operations_along(site: Site) -> None:
    async with over_websocket(site) as socket:
        await socket.subscribe("a", "subscription { forEver }")
        await site.laboratory.started.wait()
        socket.connection.transport.abort()
        await _cleaned_up(site)


# Time


async def test_the_server_pings_and_hears_the_answers() -> None:
    async with _pace(ping_every=MOMENT, silent_pings=2) as site, over_websocket(site) as socket:
        for _ in range(6):
            async with asyncio.timeout(DEADLINE):
                assert json.loads(await socket.connection.recv()) == {"type": "ping"}
            await socket.send({"type": "pong"})


async def test_a_client_that_has_fallen_silent_is_closed() -> None:
    async with _pace(ping_every=MOMENT, silent_pings=3) as site, over_websocket(site) as socket:
        await socket.subscribe("a", "subscription { forEver }")
        assert await socket.closed() == (4499, "Nothing came after 3 pings")
        await _cleaned_up(site)


async def test_a_token_that_expires_closes_the_socket() -> None:
    async with _pace(ping_every=MOMENT) as site, over_websocket(site) as socket:
        await socket.subscribe("a", "subscription { forEver }")
        await site.laboratory.started.wait()
        site.clock.advance(timedelta(hours=1))
        code, reason = await socket.closed()
        assert (code, reason) == (4403, "Forbidden: the token has expired; connect with a fresh one")
        await _cleaned_up(site)


async def test_nothing_starts_on_an_expired_token(site: Site) -> None:
    # Its next ping, and look at the token, is five seconds away.
    async with over_websocket(site) as socket:
        site.clock.advance(timedelta(hours=1))
        await socket.subscribe("a", "{ hello }")
        assert (await socket.closed())[0] == 4403
    assert site.laboratory.contexts == []


async def test_the_look_at_the_token_comes_when_it_expires() -> None:
    # Pings are an hour apart here: what wakes the server is the token's own end.
    async with _pace(ping_every=3600.0) as site, site.socket() as connection:
        socket = Socket(connection)
        await socket.greet({"token": site.token(timedelta(seconds=1))})
        site.clock.advance(timedelta(seconds=1))
        assert (await socket.closed())[0] == 4403


# Back-pressure


async def test_a_slow_reader_slows_its_subscription() -> None:
    async with serving() as site, site.socket(reads_ahead=1) as connection:
        socket = Socket(connection)
        await socket.greet(dict(site.authorization))
        query = "subscription ($events: Int!, $letters: Int!) { flood(events: $events, letters: $letters) }"
        await socket.subscribe("a", query, {"events": 500, "letters": LETTERS})
        await site.laboratory.started.wait()
        async with over_websocket(site) as other:
            for _ in range(20):
                await other.ask("{ hello }")
        # 50 MB are not written into memory: only what the sockets' own buffers hold.
        assert site.laboratory.sent < 250
        for number in range(500):
            message = await socket.receive()
            assert message["payload"]["data"]["flood"].startswith(f"{number} ")
        assert await socket.receive() == {"type": "complete", "id": "a"}


async def test_a_client_that_reads_nothing_is_dropped() -> None:
    async with _pace(send_timeout=0.2) as site, site.socket(reads_ahead=1) as connection:
        socket = Socket(connection)
        await socket.greet(dict(site.authorization))
        query = "subscription ($events: Int!, $letters: Int!) { flood(events: $events, letters: $letters) }"
        with capture_logs() as logs:
            await socket.subscribe("a", query, {"events": 500, "letters": LETTERS})
            await _cleaned_up(site)
        assert site.laboratory.sent < 250
        assert [entry["event"] for entry in logs] == ["socket dropped: the client does not read"]
        # No close frame could be sent.
        assert (await socket.closed())[0] == 1006


# Shutdown


async def test_at_shutdown_every_socket_is_closed_and_cleaned_up(site: Site) -> None:
    async with over_websocket(site) as busy, over_websocket(site) as idle, site.socket() as new:
        await busy.subscribe("a", "subscription { forEver }")
        await site.laboratory.started.wait()
        await idle.ask("{ hello }")
        closing = asyncio.create_task(site.server.shutdown())
        for socket in (busy, idle, Socket(new)):
            assert await socket.closed() == (1001, "The server is going away")
        await _cleaned_up(site)
        await closing
        assert len(site.sockets) == 0


async def test_who_comes_while_the_server_goes_away_is_sent_on(site: Site) -> None:
    await site.sockets.drain()
    async with site.socket() as connection:
        assert (await Socket(connection).closed())[0] == 1001
