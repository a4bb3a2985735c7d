"""Real lines on a real database: an initiator and an acceptor, and a wire between them that can be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from app.fix.acceptor import Acceptor
from app.fix.initiator import Initiator
from app.fix.line import Line
from app.fix.tags import Tag
from app.fix.types import Deliveries, Place, Role, SessionConfig, SessionId
from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import ManualClock
from tests.fix.pairs import NOW

US, THEM = SessionId("HOUSE", "VENUE"), SessionId("VENUE", "HOUSE")
PATIENCE = 20.0
_STEP = timedelta(milliseconds=250)


@dataclass
class Inbox:
    """What a line has handed over."""

    texts: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    fail: bool = False

    async def receive(self, deliveries: Deliveries) -> None:
        if self.fail:
            raise RuntimeError("the receiver stumbled")
        self.texts += [each.message[Tag.TEXT] for each in deliveries]
        self.places += [each.place for each in deliveries]
        self.came.set()

    async def until(self, count: int) -> list[str]:
        """Wait for so many messages."""
        async with asyncio.timeout(PATIENCE):
            while len(self.texts) < count:
                self.came.clear()
                await self.came.wait()
        return self.texts


@dataclass
class Wire:
    """Passes bytes on between the two, until it is cut. ``lose`` decides which pieces towards the acceptor vanish."""

    target: int
    lose: Callable[[bytes], bool] = lambda _: False
    port: int = 0
    calls: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._open |= {writer, back}
            forth = self._copy(reader, back, lambda data: self.lose(data))
            await asyncio.gather(forth, self._copy(there, writer, lambda _: False))
        writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lose: Callable[[bytes], bool]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if not lose(data):
                    writer.write(data)
        writer.close()


@dataclass
class Both:
    """The two ends, as one process each would have them."""

    pool: EnginePool
    clock: ManualClock
    wire: Wire
    initiator: Line
    acceptor: Line
    sent_to: Inbox
    sent_back: Inbox

    async def connected(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not (self.initiator.logged_on.is_set() and self.acceptor.logged_on.is_set()):
                self.clock.advance(_STEP)
                await asyncio.sleep(0.01)

    async def disconnected(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.initiator.logged_on.is_set() or self.acceptor.logged_on.is_set():
                await asyncio.sleep(0.01)


def config(role: Role) -> SessionConfig:
    return SessionConfig(US if role is Role.INITIATOR else THEM, role)


@asynccontextmanager
async def calling(line: Line, port: int, clock: ManualClock) -> AsyncIterator[asyncio.Task[None]]:
    """An initiator at work; at the end it logs out."""
    task = asyncio.create_task(Initiator(line, "127.0.0.1", port, clock).run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Both]:
    """Both ends, logged on."""
    clock = ManualClock(NOW)
    pool = await engine_pool(url, 4)
    sent_to, sent_back = Inbox(), Inbox()
    acceptor = Line(pool, config(Role.ACCEPTOR), clock, sent_to.receive)
    initiator = Line(pool, config(Role.INITIATOR), clock, sent_back.receive)
    try:
        async with (
            Acceptor([acceptor]).listening("127.0.0.1", 0) as port,
            Wire(port).running() as wire,
            calling(initiator, wire.port, clock),
        ):
            both = Both(pool, clock, wire, initiator, acceptor, sent_to, sent_back)
            await both.connected()
            yield both
    finally:
        await pool.close()
