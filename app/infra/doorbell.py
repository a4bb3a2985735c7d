"""The doorbell between processes: PostgreSQL's LISTEN/NOTIFY behind broadcaster's interface.

A ring says only "look again"; losing one loses nothing, because readers read the log and look again by themselves
now and then. Redis can stand here instead, as another ``BroadcastBackend``.
"""

import asyncio
import contextlib

import asyncpg
import structlog
from broadcaster import Event
from broadcaster._backends.base import BroadcastBackend

from app.infra.database import LOST

log = structlog.get_logger(__name__)

_RETRY_AFTER = 1.0
_WAITING = 10_000


class PostgresDoorbell(BroadcastBackend):
    """One connection that listens and rings. A supervisor makes it anew whenever it breaks, and has it listen."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._channels: set[str] = set()
        self._listens_to: set[str] = set()
        self._look = asyncio.Event()
        self._heard: asyncio.Queue[Event] = asyncio.Queue(_WAITING)
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    async def connect(self) -> None:
        """Start listening; from here on the connection is looked after."""
        await self._open()
        self._supervisor = asyncio.create_task(self._supervise(), name="doorbell")

    async def disconnect(self) -> None:
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        if self._connection:
            with contextlib.suppress(*LOST):
                await self._connection.close()

    async def subscribe(self, group: str) -> None:
        # It must not wait here: broadcaster trips over itself when it is cancelled while it subscribes.
        self._channels.add(group)
        self._look.set()

    async def unsubscribe(self, group: str) -> None:
        self._channels.discard(group)
        self._look.set()

    async def publish(self, channel: str, message: str) -> None:
        """Ring. A ring that can't be sent is dropped: nobody relies on it."""
        try:
            async with self._sending:
                if self._connection and not self._connection.is_closed():
                    await self._connection.execute("SELECT pg_notify($1, $2)", channel, message)
        except LOST as error:
            log.warning("ring lost", error=repr(error))

    async def next_published(self) -> Event:
        return await self._heard.get()

    async def _open(self) -> None:
        self._connection = await asyncpg.connect(
            self._url, server_settings={"application_name": "wealthgraph-doorbell"}
        )
        self._listens_to.clear()

    async def _supervise(self) -> None:
        while True:
            self._look.clear()
            try:
                await self._listen()
            except LOST as error:
                log.warning("doorbell is down", error=repr(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_AFTER):
                    await self._look.wait()

    async def _listen(self) -> None:
        async with self._sending:
            if self._connection is None or self._connection.is_closed():
                await self._open()
            assert self._connection is not None
            for channel in self._listens_to - self._channels:
                await self._connection.remove_listener(channel, self._hear)
            for channel in self._channels - self._listens_to:
                await self._connection.add_listener(channel, self._hear)
            self._listens_to = set(self._channels)

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._heard.put_nowait(Event(channel, str(payload)))
