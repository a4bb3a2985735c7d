"""Answers calls, for as many sessions as it is given.

A call for a session that is connected replaces the older connection: the caller alone knows that its old one is dead,
and would otherwise be kept out until the silence is noticed (more than two heartbeat intervals). The epoch in the
journal makes sure that the older one changes nothing any more.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from app.fix.codec import BEGIN_STRING, Frame, Framer, decode
from app.fix.errors import FieldError
from app.fix.line import Line
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.infra.database import LOST

log = structlog.get_logger(__name__)

#: How long (seconds) a caller has for its first message.
_FIRST: float = 10.0
_READ = 1 << 16


class Acceptor:
    """Refuses whoever doesn't begin with a Logon between names that it knows: closed without a word."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = {(line.config.id.sender, line.config.id.target): line for line in lines}
        self._calls: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Answer calls for as long as the block; gives the port, which is a free one if 0 was asked for."""
        server = await asyncio.start_server(self._answer, host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await asyncio.gather(*(line.close("the acceptor is going down") for line in self._lines.values()))
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            await self._serve(reader, writer)
        except LOST as error:
            log.warning("FIX call failed", error=repr(error))
        except Exception:
            log.exception("FIX call failed")
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived = bytearray()
        frames: list[Frame] = []
        framer = Framer()
        async with asyncio.timeout(_FIRST):
            while not frames and (data := await reader.read(_READ)):
                arrived += data
                frames = framer.feed(data)
        line = self._line_of(frames[0]) if frames else None
        if line is not None:
            tenure = await line.open(replace=True)
            await line.run(tenure, (reader, writer), bytes(arrived))

    def _line_of(self, frame: Frame) -> Line | None:
        try:
            message = decode(frame)
            names = _names(message)
        except FieldError as error:
            log.warning("FIX call refused", reason=str(error))
            return None
        line = self._lines.get(names)
        if line is None or message.type != MsgType.LOGON or frame.begin_string != BEGIN_STRING:
            log.warning("FIX call refused", type=message.type, sender=names[1], target=names[0])
            return None
        return line


def _names(message: Message) -> tuple[str, str]:
    """Whom the call is for, and who calls."""
    return message[Tag.TARGET_COMP_ID], message[Tag.SENDER_COMP_ID]
