"""graphql-transport-ws: operations on a socket, its time, its back-pressure, and its end."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.gateway.app import GatewayOptions
from app.gateway.connection import Pace
from tests.gateway.site import Site, serving
from tests.gateway.transports import DEADLINE, Socket, over_websocket

pytestmark = pytest.mark.asyncio

MOMENT = 0.02
LETTERS = 100_000


def _pace(**pace: Any) -> AbstractAsyncContextManager[Site]:
    return serving(GatewayOptions(pace=Pace(**pace)))


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
    async with _pace(ping_every=MOMENT, silent_pings=5) as site, over_websocket(site) as socket:
        for _ in range(8):
            async with asyncio.timeout(DEADLINE):
                assert json.loads(await socket.connection.recv()) == {"type": "ping"}
            await socket.send({"type": "pong"})


async def test_a_client_that_has_fallen_silent_is_closed() -> None:
    async with _pace(ping_every=MOMENT, silent_pings=3) as site, over_websocket(site) as socket:
        await socket.subscribe("a", "subscription { forEver }")
        assert await socket.closed() == (4499, "Nothing came after 3 pings")
        await _cleaned_up(site)


async def test_a_token_that_expires_closes_the_socket() -> None:
    async with _pace(ping_every=MOMENT, silent_pings=1_000) as site, over_websocket(site) as socket:
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
