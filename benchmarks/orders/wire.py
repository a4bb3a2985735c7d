"""As little of a client as will do: it shares the machine with what is measured. One connection each, kept open."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

_TEXT = 0x81
#: RFC 6455 wants a client's frames masked; a mask of zeros leaves them as they are.
_MASK = bytes(4)
_UPGRADE = b"\r\n".join(
    (
        b"GET /graphql HTTP/1.1",
        b"host: benchmark",
        b"upgrade: websocket",
        b"connection: upgrade",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: " + base64.b64encode(bytes(16)),
        b"sec-websocket-protocol: graphql-transport-ws",
        b"\r\n",
    )
)


@dataclass(slots=True)
class Wire:
    """A connection for HTTP requests, one at a time, or for one WebSocket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, head: bytes, body: bytes) -> dict[str, Any]:
        """The data that a request answers; ``head`` is all of the request's head but the body's length."""
        self.writer.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        content = orjson.loads(await self.reader.readexactly(length))
        assert "errors" not in content, content
        data: dict[str, Any] = content["data"]
        return data

    async def follow(self, token: str, query: str, variables: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """The data of a subscription as it comes, until the connection ends."""
        self.writer.write(_UPGRADE)
        assert (await self.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101"), "no WebSocket"
        self._send({"type": "connection_init", "payload": {"token": token}})
        self._send({"type": "subscribe", "id": "1", "payload": {"query": query, "variables": variables}})
        while True:
            opcode, payload = await self._frame()
            assert opcode == _TEXT, (opcode, payload)
            message = orjson.loads(payload)
            match message["type"]:
                case "next":
                    assert "errors" not in message["payload"], message
                    yield message["payload"]["data"]
                case "ping":
                    self._send({"type": "pong"})
                case "error" | "complete":
                    raise AssertionError(message)

    def _send(self, message: dict[str, Any]) -> None:
        text = orjson.dumps(message)
        assert len(text) < 2**16
        length = bytes((0x80 | len(text),)) if len(text) < 126 else bytes((0x80 | 126, *divmod(len(text), 256)))
        self.writer.write(b"%c%b%b%b" % (_TEXT, length, _MASK, text))

    async def _frame(self) -> tuple[int, bytes]:
        opcode, length = await self.reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2))
        elif length == 127:
            length = int.from_bytes(await self.reader.readexactly(8))
        return opcode, await self.reader.readexactly(length)
