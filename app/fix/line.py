"""A session's end in this process, over as many connections as it takes."""

import asyncio
import contextlib
from datetime import timedelta

import structlog

from app.fix.connection import Connection, Receive, fail
from app.fix.errors import Fenced, NotLoggedOn
from app.fix.journal import Journal, Tenure
from app.fix.message import Message
from app.fix.session import Session
from app.fix.types import BEGINNING, Deliveries, Place, SessionConfig
from app.infra.database import EnginePool
from app.kernel.clock import Clock

log = structlog.get_logger(__name__)


class Line:
    """Hands every application message to ``receive`` once and in order, whatever happens to the connections.

    After a restart, those that were not ``taken`` come again. ``receive`` runs inside the connection's one task: it
    must not wait for a ``send``, and if it raises, the connection ends and the message comes again with the next one.
    """

    def __init__(self, pool: EnginePool, config: SessionConfig, clock: Clock, receive: Receive) -> None:
        self.config = config
        self.journal = Journal(pool, config.id, clock)
        self.logged_on = asyncio.Event()
        self._clock = clock
        self._receive = receive
        self._handed = BEGINNING
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()

    def post(self, *messages: Message) -> "asyncio.Future[None]":
        """Like ``send``, without waiting. If nobody looks at the outcome, nothing is said of a failure."""
        if self._connection is None:
            outcome = asyncio.get_running_loop().create_future()
            fail(outcome, NotLoggedOn(f"{self.config.id} is not logged on: nothing was sent"))
            return outcome
        return self._connection.post(messages)

    async def send(self, *messages: Message) -> None:
        """Send, one right after the other, in one write to the journal.

        Raises ``NotLoggedOn``: nothing was stored or sent; or ``OutcomeUnknown``: they may be, and then will be sent.
        """
        await asyncio.shield(self.post(*messages))

    async def taken(self, place: Place) -> None:
        """What came in up to this place is applied for good: it need not be handed over again."""
        await self.journal.take(place)

    async def open(self, *, replace: bool = False) -> Tenure:
        """Become the session's owner, and hand over what an earlier owner left."""
        async with self._opening:
            if self._connection is not None:
                self._connection.abort("the session has a newer connection")
                await self._connection.ended()
            tenure = await self.journal.open(replace=replace)
            left = await self.journal.not_taken(tenure, max(tenure.taken, self._handed))
            if left:
                await self._hand_over(left)
            return tenure

    async def run(
        self, tenure: Tenure, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], arrived: bytes = b""
    ) -> str:
        """One connection, from its beginning to its end; answers why it ended."""
        session = Session(self.config, tenure.numbers, self._clock)
        connection = Connection(
            session, self.journal, tenure, streams, self._clock, self._hand_over, self.logged_on.set
        )
        self._connection = connection
        try:
            reason = await connection.run(arrived)
            log.info("FIX connection ended", session=str(self.config.id), reason=reason, garbled=session.garbled)
            return reason
        finally:
            if self._connection is connection:
                self._connection = None
                self.logged_on.clear()

    async def close(self, text: str | None = None) -> None:
        """Log out, and wait until the connection has ended."""
        if self._connection is not None:
            self._connection.log_out(text)
            await self._connection.ended()

    async def release(self, tenure: Tenure) -> None:
        """Let another process have the session at once."""
        with contextlib.suppress(Fenced):
            await self.journal.hold(tenure, timedelta(0))

    async def _hand_over(self, deliveries: Deliveries) -> None:
        await self._receive(deliveries)
        self._handed = deliveries[-1].place
