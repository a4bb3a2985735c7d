"""Parties that speak FIX by asyncfix, an implementation that isn't ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncfix import FIXMessage, FMsg, FTag  # type: ignore[import-untyped]
from asyncfix.connection import ConnectionState  # type: ignore[import-untyped]
from asyncfix.connection_client import AsyncFIXClient  # type: ignore[import-untyped]
from asyncfix.protocol import FIXProtocol44  # type: ignore[import-untyped]

from tests.fix.lines import PATIENCE


@dataclass
class Heard:
    """What asyncfix has handed to its application."""

    messages: list[Any] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [message[FTag.Text] for message in self.messages]


def theirs(kind: type, journal: Any, names: tuple[str, str], port: int, heard: Heard) -> Any:
    """A party of theirs that notes what it hears."""

    class Party(kind):  # type: ignore[misc]
        async def on_connect(self) -> None:
            if kind is AsyncFIXClient:
                fields = {FTag.EncryptMethod: "0", FTag.HeartBtInt: 30}
                await self.send_msg(FIXMessage(FMsg.LOGON, fields))

        async def on_message(self, message: Any) -> None:
            heard.messages.append(message)

    return Party(FIXProtocol44(), *names, journal, "127.0.0.1", port)


@asynccontextmanager
async def at_work(party: Any) -> AsyncIterator[Any]:
    task = asyncio.create_task(party.connect())
    try:
        yield party
    finally:
        await party.disconnect(ConnectionState.DISCONNECTED_WCONN_TODAY, logout_message="")
        for each in (task, party._aio_task_socket_read, party._aio_task_heartbeat):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)
