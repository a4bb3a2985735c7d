"""One client's socket: its operations run side by side, and whatever ends the socket ends them."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.gateway import protocol
from app.gateway.credentials import from_payload
from app.gateway.errors import Code, RequestError, refused, unexpected
from app.gateway.execution import Operations
from app.gateway.protocol import Close, CloseCode, Complete, Gone, Init, Message, Ping, Pong, Subscribe
from app.gateway.requests import Request
from app.identity.tokens import InvalidToken, Verifier
from app.kernel.clock import Clock
from app.kernel.principal import Principal

log = structlog.get_logger(__name__)

#: Lets the loop run between two looks at a clock that says the token expires this very moment.
_SHORTEST_WAIT = 0.01


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a socket waits for what (seconds), and how much it carries."""

    init_timeout: float = 10.0
    ping_every: float = 5.0
    silent_pings: int = 3
    send_timeout: float = 10.0
    operations: int = 50


class Connection:
    """Serves an accepted socket until either side closes it."""

    def __init__(
        self, websocket: WebSocket, operations: Operations, verifier: Verifier, *, clock: Clock, pace: Pace
    ) -> None:
        self._websocket = websocket
        self._answers = operations
        self._verifier = verifier
        self._clock = clock
        self._pace = pace
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._unanswered_pings = 0

    def leave(self) -> None:
        """The server goes away: close soon."""
        self._leaving.set()

    async def run(self) -> None:
        """Returns once the socket is closed and every operation has cleaned up."""
        close: Close | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._leave())
                await self._read(tasks)
        except* Gone:
            pass
        except* Close as closes:
            close = next(each for each in closes.exceptions if isinstance(each, Close))
        if close:
            # A client that has left, or that reads nothing, gets no close frame.
            with contextlib.suppress(Gone):
                await self._deliver({"type": "websocket.close", "code": int(close.code), "reason": close.reason})

    async def _leave(self) -> None:
        await self._leaving.wait()
        raise Close(CloseCode.GOING_AWAY, "The server is going away")

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.timeout(self._pace.init_timeout):
                principal = await self._greet()
        except TimeoutError:
            raise Close(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout") from None
        await self._send(protocol.message("connection_ack"))
        tasks.create_task(self._beat(principal))
        while True:
            await self._handle(await self._receive(), principal, tasks)

    async def _greet(self) -> Principal:
        """Who it is, from the client's first message but pings."""
        while True:
            match await self._receive():
                case Init(payload):
                    try:
                        header = self._websocket.headers.get("authorization")
                        return self._verifier.verify(from_payload(payload, header))
                    except InvalidToken as error:
                        raise Close(CloseCode.FORBIDDEN, f"Forbidden: {error}") from None
                case Ping(payload):
                    await self._send(protocol.message("pong", payload=payload))
                case Subscribe():
                    raise Close(CloseCode.UNAUTHORIZED, "Unauthorized: send connection_init first")

    async def _handle(self, message: Message, principal: Principal, tasks: asyncio.TaskGroup) -> None:
        match message:
            case Subscribe(id_, request):
                await self._start(id_, request, principal, tasks)
            case Complete(id_):
                await self._stop(id_)
            case Ping(payload):
                await self._send(protocol.message("pong", payload=payload))
            case Pong():
                pass
            case Init():
                raise Close(CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")

    async def _start(self, id_: str, request: Request, principal: Principal, tasks: asyncio.TaskGroup) -> None:
        self._require_current(principal)
        if id_ in self._running:
            raise Close(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {id_} already exists")
        if len(self._running) >= self._pace.operations:
            message = f"{self._pace.operations} operations are running on this socket already; complete one first."
            error = refused(message, Code.TOO_MANY_OPERATIONS)
            await self._send(protocol.message("error", id_, error.payload))
            return
        self._running[id_] = tasks.create_task(self._operate(id_, request, principal))

    async def _stop(self, id_: str) -> None:
        """Cancel the operation, if it still runs, and wait until it has cleaned up."""
        task = self._running.pop(id_, None)
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def _operate(self, id_: str, request: Request, principal: Principal) -> None:
        try:
            await self._answer(id_, request, principal)
            last = protocol.message("complete", id_)
        except RequestError as error:
            last = protocol.message("error", id_, error.payload)
        except (Close, Gone):
            raise
        except Exception as error:  # noqa: BLE001  what is unexpected is logged there
            last = protocol.message("error", id_, unexpected(error).payload)
        # The id is free for the client from the moment that it may have read this.
        self._running.pop(id_, None)
        await self._send(last)

    async def _answer(self, id_: str, request: Request, principal: Principal) -> None:
        prepared = self._answers.documents.prepare(request.query, request.operation_name)
        if prepared.kind is not OperationType.SUBSCRIPTION:
            answer = await self._answers.execute(prepared, request.variables, principal)
            await self._send(protocol.message("next", id_, answer))
            return
        # Each answer is sent before the next one is asked for: a slow client slows its subscriptions, not our memory.
        async with contextlib.aclosing(self._answers.subscribe(prepared, request.variables, principal)) as answers:
            async for answer in answers:
                await self._send(protocol.message("next", id_, answer))

    async def _beat(self, principal: Principal) -> None:
        """Keep the way through proxies and phones open; notice a client that is gone, and a token that expires."""
        while True:
            left = (principal.expires_at - self._clock.now()).total_seconds()
            await asyncio.sleep(max(_SHORTEST_WAIT, min(self._pace.ping_every, left)))
            self._require_current(principal)
            if self._unanswered_pings >= self._pace.silent_pings:
                raise Close(CloseCode.SILENT, f"Nothing came after {self._unanswered_pings} pings")
            self._unanswered_pings += 1
            await self._send(protocol.message("ping"))

    def _require_current(self, principal: Principal) -> None:
        if principal.expires_at <= self._clock.now():
            raise Close(CloseCode.FORBIDDEN, "Forbidden: the token has expired; connect with a fresh one")

    async def _receive(self) -> Message:
        frame = await self._websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise Gone
        self._unanswered_pings = 0
        text = frame.get("text")
        if text is None:
            raise Close(CloseCode.BAD_REQUEST, "Invalid message: binary frames are not taken, send text")
        return protocol.read_message(text)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._deliver({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _deliver(self, frame: dict[str, Any]) -> None:
        """Send one frame at a time; raises ``Gone`` when the client has left, or reads nothing for too long."""
        try:
            async with self._sending, asyncio.timeout(self._pace.send_timeout):
                await self._websocket.send(frame)
        except TimeoutError:
            log.info("socket dropped: the client does not read")
            raise Gone from None
        except (WebSocketDisconnect, RuntimeError):
            # RuntimeError is how the server says that it has sent the close frame itself.
            raise Gone from None
