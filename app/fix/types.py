"""What a session is called, what it agrees to, and what it wants done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.fix.message import Message
from app.fix.tags import Tag


@dataclass(frozen=True, slots=True)
class SessionId:
    """A session as this side sees it. The qualifier never travels: it tells apart what the names alone would not."""

    sender: str
    target: str
    qualifier: str = ""

    def __str__(self) -> str:
        return f"{self.sender}->{self.target}" + (f"/{self.qualifier}" if self.qualifier else "")


class Role(StrEnum):
    """Who calls whom."""

    INITIATOR = "initiator"
    ACCEPTOR = "acceptor"


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What the two sides have agreed on.

    ``heartbeat`` is the initiator's to name; zero means none. ``reset_on_logon``: the numbers start at 1 with every
    logon (ResetSeqNumFlag); without it such a logon is refused. ``patience`` is how long the answer to a Logon, a
    Logout or a ResendRequest may take, ``max_delay`` how far the other side's SendingTime may be from our clock.
    """

    id: SessionId
    role: Role
    heartbeat: timedelta = timedelta(seconds=30)
    reset_on_logon: bool = False
    patience: timedelta = timedelta(seconds=10)
    max_delay: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The next sequence numbers. ``era`` counts how often they have started again at 1."""

    era: int = 0
    next_in: int = 1
    next_out: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a message stands among all those of its session and direction."""

    era: int
    sequence: int


#: Before every message.
BEGINNING = Place(-1, 0)


class Direction(StrEnum):
    """Whether a message came in or went out."""

    IN = "IN"
    OUT = "OUT"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message for the journal, as it was on the wire. ``recorded_at`` is wall time.

    ``application``: it is handed on if it came in, and sent again when asked for if it went out.
    """

    direction: Direction
    place: Place
    message: Message
    raw: bytes
    recorded_at: datetime
    application: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """An application message that came in. It is handed over again after a restart until its place is taken."""

    place: Place
    message: Message

    @property
    def poss_resend(self) -> bool:
        """Whether the sender may have sent the same under another number before: only the application can tell."""
        return self.message.has(Tag.POSS_RESEND)


@dataclass(frozen=True, slots=True)
class Asked:
    """The other side wants messages again, from ``begin`` to ``end``; an end of 0 means all there are."""

    begin: int
    end: int


@dataclass(slots=True)
class Turn:
    """What a session wants done, in this order: store the entries and numbers in one write, then put ``written`` on the
    wire, then send again what was asked for, then hand over, then close if ``closed`` says why."""

    numbers: Numbers
    changed: bool = False
    entries: list[Entry] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    handed: list[Delivery] = field(default_factory=list)
    logged_on: bool = False
    closed: str | None = None


Deliveries = Sequence[Delivery]
