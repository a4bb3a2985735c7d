"""Against an implementation that isn't ours: asyncfix, as initiator and as acceptor.

Its acceptor serves one connection, its clock is the machine's, and it fills gaps without PossDupFlag, which ours has to
bear.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncfix import FIXMessage, FMsg, FTag  # type: ignore[import-untyped]
from asyncfix.connection import ConnectionState  # type: ignore[import-untyped]
from asyncfix.connection_client import AsyncFIXClient  # type: ignore[import-untyped]
from asyncfix.connection_server import AsyncFIXDummyServer  # type: ignore[import-untyped]
from asyncfix.journaler import Journaler  # type: ignore[import-untyped]

from app.fix.acceptor import Acceptor
from app.fix.initiator import Initiator
from app.fix.line import Line
from app.fix.types import Role
from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import SystemClock
from tests.fix.lines import Inbox, config
from tests.fix.pairs import news
from tests.fix.strangers import Heard, at_work, theirs, until
from tests.ports import free_port

pytestmark = [
    pytest.mark.asyncio,
    # asyncfix's own: a call that Python 3.12 deprecates
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
]


async def tell(party: Any, text: str) -> None:
    await party.send_msg(FIXMessage(FMsg.NEWS, {FTag.Text: text}))


@asynccontextmanager
async def our_acceptor(pool: EnginePool, inbox: Inbox) -> AsyncIterator[tuple[Line, int]]:
    line = Line(pool, config(Role.ACCEPTOR), SystemClock(), inbox.receive)
    async with Acceptor([line]).listening("127.0.0.1", 0) as port:
        yield line, port


@asynccontextmanager
async def our_initiator(pool: EnginePool, inbox: Inbox, port: int) -> AsyncIterator[Line]:
    line = Line(pool, config(Role.INITIATOR), SystemClock(), inbox.receive)
    task = asyncio.create_task(Initiator(line, "127.0.0.1", port, SystemClock()).run())
    try:
        yield line
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def with_pool(url: str, test: Callable[[EnginePool], Awaitable[None]]) -> None:
    pool = await engine_pool(url, 3)
    try:
        await test(pool)
    finally:
        await pool.close()


async def test_their_initiator_and_our_acceptor(database_url: str) -> None:
    async def test(pool: EnginePool) -> None:
        inbox, heard, journal = Inbox(), Heard(), Journaler()
        names = ("HOUSE", "VENUE")
        async with our_acceptor(pool, inbox) as (line, port):
            async with at_work(theirs(AsyncFIXClient, journal, names, port, heard)) as party:
                await until(lambda: party.connection_state == ConnectionState.ACTIVE)
                for number in range(3):
                    await tell(party, f"to {number}")
                assert await inbox.until(3) == ["to 0", "to 1", "to 2"]
                await line.send(news("back 0"), news("back 1"))
                await until(lambda: len(heard.texts) == 2)
                await party.send_test_req()
                await until(lambda: party._test_req_id is None)
                # Something we sent is lost with the connection
                lost = party._socket_writer.transport
                party._process_message = _deaf
                await line.send(news("back 2"))
                lost.abort()
                await until(lambda: not line.logged_on.is_set())
            async with at_work(theirs(AsyncFIXClient, journal, names, port, heard)) as party:
                await until(lambda: len(heard.texts) == 3)
                await until(lambda: party.connection_state == ConnectionState.ACTIVE)
                await tell(party, "to 3")
                await inbox.until(4)
        assert heard.texts == ["back 0", "back 1", "back 2"]
        assert inbox.texts == ["to 0", "to 1", "to 2", "to 3"]

    await with_pool(database_url, test)


async def test_our_initiator_and_their_acceptor(database_url: str) -> None:
    async def test(pool: EnginePool) -> None:
        inbox, heard, journal = Inbox(), Heard(), Journaler()
        port = free_port()
        names = ("VENUE", "HOUSE")
        async with our_initiator(pool, inbox, port) as line:
            async with at_work(theirs(AsyncFIXDummyServer, journal, names, port, heard)) as party:
                await until(line.logged_on.is_set)
                await line.send(*(news(f"to {number}") for number in range(3)))
                await until(lambda: len(heard.texts) == 3)
                await tell(party, "back 0")
                assert await inbox.until(1) == ["back 0"]
                # They take a number and the message never reaches us: we ask for it
                await _say_into_the_void(party, "back 1")
                await tell(party, "back 2")
                assert await inbox.until(3) == ["back 0", "back 1", "back 2"]
                # And the other way: we have sent what they never saw
                party._process_message = _deaf
                await line.send(news("to 3"))
            async with at_work(theirs(AsyncFIXDummyServer, journal, names, port, heard)):
                await until(lambda: len(heard.texts) == 4)
                await line.send(news("to 4"))
                await until(lambda: len(heard.texts) == 5)
        assert heard.texts == [f"to {number}" for number in range(5)]

    await with_pool(database_url, test)


async def _deaf(message: Any, raw: bytes) -> None:
    """Reads, and forgets."""


async def _say_into_the_void(party: Any, text: str) -> None:
    class Void:
        def write(self, data: bytes) -> None:
            """Nobody hears it."""

        async def drain(self) -> None:
            """Nothing to wait for."""

    writer, party._socket_writer = party._socket_writer, Void()
    await tell(party, text)
    party._socket_writer = writer
