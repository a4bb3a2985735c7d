"""GraphQL over WebSocket: who may connect, and who is connected."""

import asyncio
import contextlib
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from app.gateway.connection import Connection, Pace
from app.gateway.execution import Operations
from app.gateway.protocol import SUBPROTOCOL, CloseCode
from app.identity.tokens import Verifier
from app.kernel.clock import Clock


class Sockets:
    """Everyone who is connected to this process."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._draining = False
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, connection: Connection) -> None:
        """Run the connection to its end."""
        self._open.add(connection)
        if self._draining:
            connection.leave()
        try:
            await connection.run()
        finally:
            self._open.discard(connection)
            if not self._open:
                self._empty.set()

    async def drain(self, at_most: float = 10.0) -> None:
        """Close every socket, and each that still comes, with 1001; returns when all are closed, or time is up."""
        self._draining = True
        for connection in self._open:
            connection.leave()
        if self._open:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(at_most):
                    await self._empty.wait()


class GraphQLOverWebSocket:
    """The endpoint, an ASGI application that speaks graphql-transport-ws."""

    def __init__(
        self,
        operations: Operations,
        verifier: Verifier,
        sockets: Sockets,
        *,
        clock: Clock,
        pace: Pace,
        origins: Collection[str],
    ) -> None:
        self._operations = operations
        self._verifier = verifier
        self._sockets = sockets
        self._clock = clock
        self._pace = pace
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        if not _may_connect(websocket, self._origins):
            await websocket.close()  # before it is accepted: the handshake fails with 403
            return
        if SUBPROTOCOL not in scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        await websocket.accept(SUBPROTOCOL)
        connection = Connection(websocket, self._operations, self._verifier, clock=self._clock, pace=self._pace)
        await self._sockets.serve(connection)


def _may_connect(websocket: WebSocket, origins: Collection[str]) -> bool:
    """Browsers say which site's page connects. Tokens protect us already; this keeps strange pages out all the same."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in origins:
        return True
    return urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower()
