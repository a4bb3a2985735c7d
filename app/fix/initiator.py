"""Calls the other side, and calls again when the connection is lost."""

import asyncio
import contextlib
import random
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.fix.connection import TICK
from app.fix.errors import SessionHeld
from app.fix.line import Line
from app.infra.database import LOST
from app.kernel.clock import Clock

log = structlog.get_logger(__name__)

#: How long a call may take (seconds): less than the session stays ours unheard.
_CALL: Final = 4.0
FIRST_PAUSE: Final = timedelta(milliseconds=250)
LONGEST_PAUSE: Final = timedelta(seconds=30)
#: How often a process looks whether it can have the session that another one holds.
HELD_PAUSE: Final = timedelta(seconds=2)


class Initiator:
    """Keeps a line connected. A second process with the same session waits until the first one is gone."""

    def __init__(self, line: Line, host: str, port: int, clock: Clock) -> None:
        self.line = line
        self._host = host
        self._port = port
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._chance = random.Random()  # noqa: S311 - spreads the calls of many processes

    async def run(self) -> None:
        """Work until cancelled; then log out."""
        while True:
            try:
                await self._call()
            except SessionHeld as held:
                log.debug("FIX session is not ours", reason=str(held))
                self._pause = HELD_PAUSE
            except LOST as error:
                log.warning("FIX call failed", session=str(self.line.config.id), error=repr(error))
            except Exception:
                log.exception("FIX call failed", session=str(self.line.config.id))
            pause = self._pause * self._chance.uniform(0.5, 1)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            await self._until(self._clock.now() + pause)

    async def _call(self) -> None:
        tenure = await self.line.open()
        try:
            async with asyncio.timeout(_CALL):
                streams = await asyncio.open_connection(self._host, self._port)
            running = asyncio.ensure_future(self.line.run(tenure, streams))
            watching = asyncio.ensure_future(self.line.logged_on.wait())
            try:
                await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    self._pause = FIRST_PAUSE
                await asyncio.shield(running)
            except asyncio.CancelledError:
                await self.line.close()
                await asyncio.wait({running})  # however it ends: it must not take the cancellation's place
                raise
            finally:
                watching.cancel()
        finally:
            with contextlib.suppress(*LOST):
                await self.line.release(tenure)

    async def _until(self, moment: datetime) -> None:
        while self._clock.now() < moment:
            await asyncio.sleep(TICK)
