"""One connection of a session: carries out what the session decides, in one task, so nothing overtakes anything.

What arrived or was posted while the last turn was being stored makes up the next one, so a burst of messages costs one
write. The journal comes first, always: nothing is sent or handed on that is not stored.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from app.fix.errors import Fenced, NotLoggedOn
from app.fix.journal import LEASE, Journal, Tenure
from app.fix.message import Message
from app.fix.session import Session, State
from app.fix.types import Deliveries, Turn
from app.infra.database import LOST
from app.kernel.clock import Clock
from app.kernel.errors import OutcomeUnknown

log = structlog.get_logger(__name__)

#: How often (seconds) a connection looks at the clock when nothing happens.
TICK: Final = 0.1
_READ: Final = 1 << 16
#: A request to send again is answered this many numbers at a time.
_BLOCK: Final = 1000

Receive = Callable[[Deliveries], Awaitable[None]]


class Connection:
    """Lives until one side ends it, the wire breaks, or the session gets another owner."""

    def __init__(
        self,
        session: Session,
        journal: Journal,
        tenure: Tenure,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        clock: Clock,
        receive: Receive,
        logged_on: Callable[[], None],
    ) -> None:
        self._session = session
        self._journal = journal
        self._tenure = tenure
        self._reader, self._writer = streams
        self._clock = clock
        self._receive = receive
        self._on_logon = logged_on
        self._arrived = bytearray()
        self._posted: list[tuple[tuple[Message, ...], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._read_on = asyncio.Event()
        self._ended = asyncio.Event()
        self._broken: str | None = None
        self._held_at = clock.now()

    @property
    def logged_on(self) -> bool:
        """Whether application messages can be sent."""
        return self._session.state is State.ACTIVE and self._broken is None

    def post(self, messages: tuple[Message, ...]) -> "asyncio.Future[None]":
        """Send these next to each other. Done once they are stored and on the wire; otherwise it fails with
        ``NotLoggedOn`` (nothing is stored) or ``OutcomeUnknown`` (they may be, and then will be sent)."""
        outcome = asyncio.get_running_loop().create_future()
        if self.logged_on:
            self._posted.append((messages, outcome))
            self._wake.set()
        else:
            fail(outcome, NotLoggedOn(f"{self._session.config.id} is not logged on: nothing was sent"))
        return outcome

    def log_out(self, text: str | None = None) -> None:
        """End it in good order."""
        self._session.logout(text)
        self._wake.set()

    def abort(self, reason: str) -> None:
        """End it now."""
        self._broken = self._broken or reason
        self._wake.set()

    async def ended(self) -> None:
        """Wait until it is over."""
        await self._ended.wait()

    async def run(self, arrived: bytes = b"") -> str:
        """Work until the end, and say why it ended. ``arrived`` was read before the session was known."""
        self._arrived += arrived
        reading = asyncio.create_task(self._read(), name=f"FIX reader of {self._session.config.id}")
        try:
            self._session.connected()
            while True:
                reason = await self._turn()
                if reason is not None:
                    return reason
                await wake_or(self._wake, TICK)
        except (Fenced, *LOST) as error:
            self._writer.transport.abort()  # closing would wait for a peer that may not read any more
            return f"broken off: {error!r}"
        finally:
            self._broken = self._broken or "ended"
            reading.cancel()
            self._writer.close()
            self._give_up()
            self._ended.set()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ):
                self._arrived += data
                self._read_on.clear()
                self._wake.set()
                await self._read_on.wait()  # until these are dealt with: the sender has to wait for us
            self.abort("the other side closed the connection")
        except OSError as error:
            self.abort(f"the connection broke: {error!r}")

    async def _turn(self) -> str | None:
        """Everything that has happened since the last turn, as one; answers why it is over, if it is."""
        self._wake.clear()
        arrived, posted = bytes(self._arrived), self._posted
        self._arrived.clear()
        self._posted = []
        self._session.receive(arrived)
        sent = []
        for messages, outcome in posted:
            try:
                for message in messages:
                    self._session.send(message)
                sent.append(outcome)
            except NotLoggedOn as error:
                fail(outcome, error)
        self._session.tick()
        try:
            reason = await self._carry_out(self._session.take())
        except BaseException as error:
            for outcome in sent:
                if isinstance(error, Fenced):
                    fail(outcome, NotLoggedOn(str(error)))
                else:
                    fail(outcome, OutcomeUnknown(f"the connection broke while the message was stored: {error!r}"))
            raise
        for outcome in sent:
            if not outcome.done():
                outcome.set_result(None)
        self._read_on.set()
        # What was read before the connection broke is dealt with first: the next turn finds nothing more
        return reason or (self._broken if not self._arrived else None)

    async def _carry_out(self, turn: Turn) -> str | None:
        if turn.changed:
            await self._journal.write(self._tenure, turn)
            self._held_at = self._clock.now()
        elif self._clock.now() - self._held_at >= LEASE / 3:
            await self._journal.hold(self._tenure)
            self._held_at = self._clock.now()
        await self._write(turn.written)
        for asked in turn.asked:
            numbers = self._session.range_of(asked)
            for begin in range(numbers.start, numbers.stop, _BLOCK):
                block = range(begin, min(begin + _BLOCK, numbers.stop))
                self._session.resend(block, await self._journal.outgoing(self._tenure, turn.numbers.era, block))
                await self._write(self._session.take().written)
        if turn.logged_on:
            self._on_logon()
        if turn.handed:
            await self._receive(turn.handed)
        return turn.closed

    async def _write(self, messages: list[bytes]) -> None:
        if messages and not self._writer.is_closing():
            self._writer.writelines(messages)
            patience: timedelta = self._session.config.patience
            async with asyncio.timeout(patience.total_seconds()):
                await self._writer.drain()

    def _give_up(self) -> None:
        for _, outcome in self._posted:
            fail(outcome, NotLoggedOn(f"{self._session.config.id}: the connection ended, nothing was sent"))
        self._posted = []


async def wake_or(wake: asyncio.Event, seconds: float) -> None:
    """Wait until woken, or so long. Python 3.11's ``wait_for`` would swallow a cancellation that comes with it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


def fail(outcome: "asyncio.Future[None]", error: Exception) -> None:
    """Say that what was posted failed, whether somebody waits for it or not."""
    if not outcome.done():
        outcome.set_exception(error)
        outcome.exception()  # looked at: asyncio warns of no failure that nobody waited for
