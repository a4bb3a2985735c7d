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

log = structlog.get_logger(__name__)

_RETRY_AFTER = 1.0
_WAITING = 10_000


class PostgresDoorbell(BroadcastBackend):
    """One connection that listens and rings, made anew whenever it breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._channels: set[str] = set()
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
            await self._connection.close()

    async def subscribe(self, group: str) -> None:
        self._channels.add(group)
        async with self._sending:
            if self._connection and not self._connection.is_closed():
                await self._connection.add_listener(group, self._hear)

    async def unsubscribe(self, group: str) -> None:
        self._channels.discard(group)
        async with self._sending:
            if self._connection and not self._connection.is_closed():
                await self._connection.remove_listener(group, self._hear)

    async def publish(self, channel: str, message: str) -> None:
        """Ring. A ring that can't be sent is dropped: nobody relies on it."""
        try:
            async with self._sending:
                if self._connection and not self._connection.is_closed():
                    await self._connection.execute("SELECT pg_notify($1, $2)", channel, message)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("ring lost", error=repr(error))

    async def next_published(self) -> Event:
        return await self._heard.get()

    async def _open(self) -> None:
        self._connection = await asyncpg.connect(
            self._url, server_settings={"application_name": "wealthgraph-doorbell"}
        )
        for channel in self._channels:
            await self._connection.add_listener(channel, self._hear)

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_AFTER)
            if self._connection is None or self._connection.is_closed():
                try:
                    await self._open()
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    log.warning("doorbell is down", error=repr(error))

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._heard.put_nowait(Event(channel, str(payload)))
