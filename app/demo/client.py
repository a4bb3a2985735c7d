"""A client of the public API, as an app would have it: HTTP for requests, one WebSocket for news."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import websockets


class ApiError(Exception):
    """The API answered with errors instead of data."""


class Client:
    """One user's connection to the API at ``url`` (http://host:port)."""

    def __init__(self, http: httpx2.AsyncClient, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._token = token

    async def execute(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of a query or mutation. Raises ``ApiError``."""
        response = await self._http.post(
            f"{self._url}/graphql",
            content=orjson.dumps({"query": query, "variables": variables}),
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/json"},
        )
        answer: dict[str, Any] = orjson.loads(response.content)
        if "errors" in answer:
            raise ApiError(answer["errors"][0]["message"])
        data: dict[str, Any] = answer["data"]
        return data

    async def follow(self, query: str, variables: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The data of a subscription as it comes, until the connection ends. Raises ``ApiError``."""
        address = self._url.replace("http", "ws", 1) + "/graphql"
        protocol = websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(address, subprotocols=[protocol], ping_interval=None) as socket:
            await _send(socket, {"type": "connection_init", "payload": {"token": self._token}})
            async for text in socket:
                message = orjson.loads(text)
                match message["type"]:
                    case "connection_ack":
                        request = {"query": query, "variables": variables}
                        await _send(socket, {"id": "1", "type": "subscribe", "payload": request})
                    case "ping":
                        await _send(socket, {"type": "pong"})
                    case "next":
                        if "errors" in message["payload"]:
                            raise ApiError(message["payload"]["errors"][0]["message"])
                        yield message["payload"]["data"]
                    case "error":
                        raise ApiError(message["payload"][0]["message"])
                    case "complete":
                        return


async def _send(socket: websockets.ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(orjson.dumps(message).decode())
