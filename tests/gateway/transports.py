"""One way to ask over every transport, so that a test can be about what is answered and not how it travels."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from tests.gateway.site import Site

DEADLINE = 10.0

Json: TypeAlias = dict[str, Any]


class Client(Protocol):
    """Asks one operation and waits for the answer; a request error is an answer without data."""

    async def ask(self, query: str, variables: Json | None = None, operation_name: str | None = None) -> Json: ...


class OverHttp:
    def __init__(self, post: Callable[[Json], Any]) -> None:
        self._post = post

    async def ask(self, query: str, variables: Json | None = None, operation_name: str | None = None) -> Json:
        answer: Json = await self._post({"query": query, "variables": variables, "operationName": operation_name})
        return answer


class Socket:
    """A client that speaks graphql-transport-ws as the protocol's text has it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> Json:
        """The next message but pings, which are answered."""
        while True:
            async with asyncio.timeout(DEADLINE):
                message: Json = json.loads(await self.connection.recv())
            if message["type"] != "ping":
                return message
            await self.send({"type": "pong"})

    async def greet(self, payload: Json | None = None) -> None:
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id_: str, query: str, variables: Json | None = None, name: str | None = None) -> None:
        payload = {"query": query, "variables": variables, "operationName": name}
        await self.send({"type": "subscribe", "id": id_, "payload": payload})

    async def ask(self, query: str, variables: Json | None = None, operation_name: str | None = None) -> Json:
        await self.subscribe("asked", query, variables, operation_name)
        message = await self.receive()
        assert message["id"] == "asked"
        if message["type"] == "error":
            return {"errors": message["payload"]}
        assert message["type"] == "next"
        assert await self.receive() == {"type": "complete", "id": "asked"}
        answer: Json = message["payload"]
        return answer

    async def closed(self) -> tuple[int, str]:
        """The code and reason of the close frame; whatever is sent before it is passed over."""
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionClosedError):
                async for _ in self.connection:
                    pass
            await self.connection.wait_closed()
        return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def over_http(site: Site) -> AsyncIterator[Client]:
    async with site.client() as client:

        async def post(body: Json) -> Any:
            response = await client.post("/graphql", json=body)
            assert response.status_code == (200 if "data" in response.json() else 400)
            return response.json()

        yield OverHttp(post)


@asynccontextmanager
async def over_websocket(site: Site) -> AsyncIterator[Socket]:
    """A socket that has greeted, with a token in the payload."""
    async with site.socket() as connection:
        socket = Socket(connection)
        await socket.greet(dict(site.authorization))
        yield socket


Transport: TypeAlias = Callable[[Site], AbstractAsyncContextManager[Client]]
