"""A session's memory in PostgreSQL: its numbers, both directions' messages, and how far they were applied.

Whoever opens the session raises its epoch; each write checks the epoch in the statement that writes, so an owner that
was paused and has been replaced can change nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.fix.codec import Frame, decode
from app.fix.errors import Fenced, SessionHeld
from app.fix.message import Message
from app.fix.tags import Tag
from app.fix.types import BEGINNING, Delivery, Direction, Numbers, Place, SessionId, Turn
from app.infra.database import EnginePool
from app.kernel.clock import Clock

#: How long a session stays with an owner who says nothing. Every write, and each third of it, makes it last again.
LEASE: Final = timedelta(seconds=6)

_OPEN: Final = """
INSERT INTO fix.session AS s
  (sender, target, qualifier, epoch, held_until, era, next_in, next_out, taken_era, taken_sequence)
VALUES ($1, $2, $3, 1, $5, 0, 1, 1, $6, $7)
ON CONFLICT (sender, target, qualifier) DO UPDATE SET epoch = s.epoch + 1, held_until = $5
  WHERE s.held_until <= $4
RETURNING *"""

_WRITE: Final = """
WITH owner AS (
  UPDATE fix.session SET era = $3, next_in = $4, next_out = $5, held_until = $6
  WHERE id = $1 AND epoch = $2 RETURNING id
), kept AS (
  INSERT INTO fix.message (session_id, direction, era, sequence, application, type, cl_ord_id, raw, recorded_at)
  SELECT owner.id, m.* FROM owner, unnest(
    $7::text[], $8::integer[], $9::bigint[], $10::boolean[], $11::text[], $12::text[], $13::bytea[], $14::timestamptz[]
  ) AS m
)
SELECT count(*) FROM owner"""


@dataclass(frozen=True, slots=True)
class Tenure:
    """An owner's time with a session: from opening it until somebody else does."""

    session_id: int
    epoch: int
    numbers: Numbers
    taken: Place


class Journal:
    """One session's journal."""

    def __init__(self, pool: EnginePool, session: SessionId, clock: Clock) -> None:
        self.session = session
        self._pool = pool
        self._clock = clock

    async def open(self, *, replace: bool = False) -> Tenure:
        """Become the session's owner. Raises ``SessionHeld`` while another holds it, unless that one is to be replaced.

        The side that is called replaces: nobody but the other side decides which connection counts.
        """
        id_, now = self.session, self._clock.now()
        until = now + timedelta(days=36500) if replace else now
        row = await self._pool.fetchrow(
            _OPEN, id_.sender, id_.target, id_.qualifier, until, now + LEASE, BEGINNING.era, BEGINNING.sequence
        )
        if row is None:
            raise SessionHeld(f"{id_} is held by another process: it is free {LEASE.total_seconds():g} s after its end")
        numbers = Numbers(row["era"], row["next_in"], row["next_out"])
        return Tenure(row["id"], row["epoch"], numbers, Place(row["taken_era"], row["taken_sequence"]))

    async def write(self, tenure: Tenure, turn: Turn) -> None:
        """Store a turn's messages and the numbers after it, all or nothing. Raises ``Fenced``."""
        numbers, entries = turn.numbers, turn.entries
        owners = await self._pool.fetchval(
            _WRITE,
            tenure.session_id,
            tenure.epoch,
            numbers.era,
            numbers.next_in,
            numbers.next_out,
            self._clock.now() + LEASE,
            [each.direction.value for each in entries],
            [each.place.era for each in entries],
            [each.place.sequence for each in entries],
            [each.application for each in entries],
            [each.message.type for each in entries],
            [_subject(each.message) for each in entries],
            [each.raw for each in entries],
            [each.recorded_at for each in entries],
        )
        if owners != 1:
            raise Fenced(f"{self.session} was opened by somebody else since epoch {tenure.epoch}")

    async def hold(self, tenure: Tenure, lasting: timedelta = LEASE) -> None:
        """Stay the owner a while longer; with no time at all, let go. Raises ``Fenced``."""
        statement = "UPDATE fix.session SET held_until = $3 WHERE id = $1 AND epoch = $2"
        done = await self._pool.execute(statement, tenure.session_id, tenure.epoch, self._clock.now() + lasting)
        if done != "UPDATE 1":
            raise Fenced(f"{self.session} was opened by somebody else since epoch {tenure.epoch}")

    async def outgoing(self, tenure: Tenure, era: int, numbers: range) -> list[tuple[int, Message]]:
        """The application's messages sent under these numbers, in order."""
        rows = await self._pool.fetch(
            "SELECT sequence, raw FROM fix.message WHERE session_id = $1 AND direction = 'OUT' AND era = $2"
            " AND sequence >= $3 AND sequence < $4 AND application ORDER BY sequence",
            *(tenure.session_id, era, numbers.start, numbers.stop),
        )
        return [(row["sequence"], _message(row["raw"])) for row in rows]

    async def not_taken(self, tenure: Tenure, after: Place) -> list[Delivery]:
        """The application's messages that came in after a place, in order."""
        rows = await self._pool.fetch(
            "SELECT era, sequence, raw FROM fix.message WHERE session_id = $1 AND direction = 'IN' AND application"
            " AND (era, sequence) > ($2, $3) ORDER BY era, sequence",
            *(tenure.session_id, after.era, after.sequence),
        )
        return [Delivery(Place(row["era"], row["sequence"]), _message(row["raw"])) for row in rows]

    async def take(self, place: Place) -> None:
        """Everything up to this place is applied for good. Needs no epoch: what is applied stays so."""
        await self._pool.execute(
            "UPDATE fix.session SET taken_era = $4, taken_sequence = $5"
            " WHERE (sender, target, qualifier) = ($1, $2, $3) AND (taken_era, taken_sequence) < ($4, $5)",
            *(self.session.sender, self.session.target, self.session.qualifier, place.era, place.sequence),
        )

    async def about(
        self, direction: Direction, cl_ord_id: str, types: Sequence[str], before: Place | None = None
    ) -> list[Delivery]:
        """Messages with this ClOrdID, or this one followed by a dot and more, in order: an order's and its changes'."""
        # By the name alone, and put in order here: a plan made when the journal was small would else walk all of it.
        rows = await self._pool.fetch(
            "SELECT m.era, m.sequence, m.raw FROM fix.message m JOIN fix.session s ON s.id = m.session_id"
            " WHERE (s.sender, s.target, s.qualifier) = ($1, $2, $3) AND m.direction = $4 AND m.type = ANY ($5)"
            " AND m.cl_ord_id >= $6 AND m.cl_ord_id < $6 || '/' AND (m.cl_ord_id = $6 OR m.cl_ord_id >= $6 || '.')",
            *(self.session.sender, self.session.target, self.session.qualifier, direction.value),
            *([str(each) for each in types], cl_ord_id),
        )
        found = sorted((Place(row["era"], row["sequence"]), row["raw"]) for row in rows)
        return [Delivery(place, _message(raw)) for place, raw in found if before is None or place < before]

    async def sent(self, place: Place) -> Message | None:
        """What was sent there."""
        raw = await self._pool.fetchval(
            "SELECT m.raw FROM fix.message m JOIN fix.session s ON s.id = m.session_id"
            " WHERE (s.sender, s.target, s.qualifier) = ($1, $2, $3) AND m.direction = 'OUT'"
            " AND (m.era, m.sequence) = ($4, $5)",
            *(self.session.sender, self.session.target, self.session.qualifier, place.era, place.sequence),
        )
        return None if raw is None else _message(raw)


def _subject(message: Message) -> str | None:
    """The ClOrdID that a message is about; a business reject names it in a field of its own."""
    return message.get(Tag.CL_ORD_ID) or message.get(Tag.BUSINESS_REJECT_REF_ID)


def _message(raw: bytes) -> Message:
    return decode(Frame("", raw))
