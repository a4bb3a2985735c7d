"""Two sessions without sockets: what one writes waits on a wire until the test delivers, loses or doubles it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.fix.codec import Framer, decode
from app.fix.message import Message
from app.fix.session import Session, State
from app.fix.tags import Tag
from app.fix.types import Asked, Delivery, Direction, Entry, Numbers, Role, SessionConfig, SessionId, Turn
from app.kernel.clock import ManualClock

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
HEARTBEAT = timedelta(seconds=30)


def news(text: str) -> Message:
    """An application message."""
    return Message.of("B", {Tag.TEXT: text})


def texts(deliveries: list[Delivery]) -> list[str]:
    return [each.message[Tag.TEXT] for each in deliveries]


def read(data: bytes | list[bytes]) -> list[Message]:
    """The messages in some bytes."""
    return [decode(frame) for frame in Framer().feed(data if isinstance(data, bytes) else b"".join(data))]


@dataclass
class Side:
    """One party: a session when connected, and a journal (plain Python) that survives connections and crashes."""

    config: SessionConfig
    clock: ManualClock
    numbers: Numbers = field(default_factory=Numbers)
    entries: list[Entry] = field(default_factory=list)
    session: Session | None = None
    wire: list[bytes] = field(default_factory=list)
    handed: list[Delivery] = field(default_factory=list)
    ended: str | None = None

    @property
    def active(self) -> bool:
        return self.session is not None and self.session.state is State.ACTIVE

    def connect(self) -> None:
        self.session, self.ended = Session(self.config, self.numbers, self.clock), None
        self.session.connected()
        self.work()

    def disconnect(self) -> None:
        self.session = None
        self.wire.clear()

    def send(self, message: Message) -> None:
        assert self.session is not None
        self.session.send(message)
        self.work()

    def receive(self, data: bytes) -> Turn:
        assert self.session is not None
        self.session.receive(data)
        return self.work()

    def tick(self) -> Turn:
        assert self.session is not None
        self.session.tick()
        return self.work()

    def work(self) -> Turn:
        """Carry out what the session decided, in the order it must be."""
        assert self.session is not None
        turn = self.session.take()
        self.store(turn)
        self.wire += turn.written
        for asked in turn.asked:
            self.resend(asked)
        self.handed += turn.handed
        self.ended = turn.closed or self.ended
        return turn

    def store(self, turn: Turn) -> None:
        self.numbers = turn.numbers
        self.entries += turn.entries

    def resend(self, asked: Asked) -> None:
        assert self.session is not None
        numbers = self.session.range_of(asked)
        stored = [
            (each.place.sequence, read(each.raw)[0])
            for each in self.entries
            if each.direction is Direction.OUT
            and each.application
            and each.place.era == self.numbers.era
            and each.place.sequence in numbers
        ]
        self.session.resend(numbers, stored)
        self.wire += self.session.take().written


@dataclass
class Pair:
    """An initiator and an acceptor."""

    clock: ManualClock
    initiator: Side
    acceptor: Side

    def connect(self) -> None:
        for side in (self.acceptor, self.initiator):
            side.disconnect()
        self.acceptor.connect()
        self.initiator.connect()

    def deliver(self, limit: int = 1000) -> None:
        """Let everything arrive that is on its way."""
        for _ in range(limit):
            moved = [self._move(self.initiator, self.acceptor), self._move(self.acceptor, self.initiator)]
            if not any(moved):
                return
        raise AssertionError("the two talk for ever")

    def _move(self, sender: Side, receiver: Side) -> bool:
        data, sender.wire[:] = b"".join(sender.wire), []
        if receiver.session is not None:
            receiver.receive(data)
        return bool(data)


def pair(*, reset: bool = False) -> Pair:
    clock = ManualClock(NOW)
    us, them = SessionId("HOUSE", "VENUE"), SessionId("VENUE", "HOUSE")
    return Pair(
        clock,
        Side(SessionConfig(us, Role.INITIATOR, HEARTBEAT, reset), clock),
        Side(SessionConfig(them, Role.ACCEPTOR, HEARTBEAT, reset), clock),
    )


def logged_on(*, reset: bool = False) -> Pair:
    both = pair(reset=reset)
    both.connect()
    both.deliver()
    assert both.initiator.active
    assert both.acceptor.active
    return both
