"""A FIX session as a state machine: bytes, messages and time go in; what is to be done comes out. It does no I/O.

One ``Session`` lives as long as one connection; what outlives it (the numbers) is in the journal. Numbers advance here
as soon as a message is understood, and for good when the turn that ``take`` hands out has been stored: an owner that
can't store a turn must drop the session and start again from the journal.

Messages are processed strictly in order. One whose number is too high is not kept: the missing ones are asked for up
to the end, so it comes again. The rules are those of FIX 4.4, volume 2, "FIX session protocol".
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from app.fix.checks import asked_by, check_envelope, check_original, heartbeat_of, new_number
from app.fix.codec import BEGIN_STRING, Frame, Framer, decode
from app.fix.errors import FieldError, NotLoggedOn
from app.fix.message import Message
from app.fix.outgoing import Outgoing, printable
from app.fix.tags import MsgType, Tag
from app.fix.times import to_text
from app.fix.types import Asked, Delivery, Direction, Entry, Numbers, Place, Role, SessionConfig, Turn
from app.kernel.clock import Clock

#: A silence of this many heartbeat intervals makes us ask, a second one of the same length makes us go.
_REASONABLE = 1.2


class State(StrEnum):
    """How far a connection has come."""

    LOGON_AWAITED = "LOGON_AWAITED"
    ACTIVE = "ACTIVE"
    LOGOUT_SENT = "LOGOUT_SENT"
    CLOSED = "CLOSED"


class Session:
    """One side of one connection."""

    def __init__(self, config: SessionConfig, numbers: Numbers, clock: Clock) -> None:
        self.config = config
        self.state = State.LOGON_AWAITED
        self._clock = clock
        self._framer = Framer()
        self._out = Outgoing(config.id, numbers, clock)
        self._next_in = numbers.next_in
        self._heartbeat = config.heartbeat
        self._since = self._heard_at = clock.now()
        self._tested_at: datetime | None = None
        #: The highest number seen while earlier ones are missing, and when they were asked for.
        self._missing_until = 0
        self._asked_at = self._since

    @property
    def garbled(self) -> int:
        """How many stretches of what came in were no message."""
        return self._framer.garbled

    def take(self) -> Turn:
        """What is to be done now. The next call tells only of what came after."""
        turn = self._out.turn
        turn.numbers = Numbers(self._out.era, self._next_in, self._out.next)
        self._out.turn = Turn(turn.numbers)
        return turn

    # What goes in

    def connected(self) -> None:
        """The connection stands: an initiator logs on."""
        if self.config.role is Role.INITIATOR:
            if self.config.reset_on_logon:
                self._start_again()
            self._out.send(self._logon_message())

    def receive(self, data: bytes) -> None:
        """Bytes have arrived."""
        for frame in self._framer.feed(data):
            if self.state is not State.CLOSED:
                self._heard_at, self._tested_at = self._clock.now(), None
                self._receive(frame)

    def send(self, message: Message) -> int:
        """Send an application message; answers its number. Raises ``NotLoggedOn`` when that is not possible."""
        if self.state is not State.ACTIVE:
            raise NotLoggedOn(f"{self.config.id} is not logged on: nothing was sent, try again after the logon")
        return self._out.send(message)

    def logout(self, text: str | None = None) -> None:
        """Ask the other side to end the session in good order."""
        if self.state is State.ACTIVE:
            self._out.send(Message.of(MsgType.LOGOUT, {Tag.TEXT: text or None}))
            self.state, self._since = State.LOGOUT_SENT, self._clock.now()
        elif self.state is not State.LOGOUT_SENT:
            self._close(text or "ended before the logon")

    def tick(self) -> None:
        """Time has passed."""
        now = self._clock.now()
        if self.state is State.ACTIVE:
            self._keep_alive(now)
            if self._missing_until and now - self._asked_at >= self.config.patience:
                self._ask_again(now)
        elif self.state is not State.CLOSED and now - self._since >= self.config.patience:
            answer = "Logout" if self.state is State.LOGOUT_SENT else "Logon"
            self._close(f"no {answer} within {self.config.patience.total_seconds():g} s")

    def range_of(self, asked: Asked) -> range:
        """The numbers that are to be sent again: never one that is not used yet."""
        last = self._out.next - 1
        return range(asked.begin, (last if asked.end == 0 else min(asked.end, last)) + 1)

    def resend(self, numbers: range, stored: Sequence[tuple[int, Message]]) -> None:
        """Send again what the journal has ``stored`` of the application's under these numbers; the rest is filled."""
        self._out.resend(numbers, stored)

    # Coming in: the envelope

    def _receive(self, frame: Frame) -> None:
        if frame.begin_string != BEGIN_STRING:
            return self._end(f"BeginString is {frame.begin_string}, not {BEGIN_STRING}")
        sequence = frame.sequence
        if sequence is None:
            return self._end("MsgSeqNum (34) is missing")
        try:
            message = decode(frame)
        except FieldError as error:
            return self._unreadable(frame, sequence, error)
        try:
            check_envelope(message, self.config, self._clock.now())
        except FieldError as error:
            if self.state is not State.LOGON_AWAITED:
                self._out.reject(message.type, sequence, error)
            return self._end(str(error))
        if self.state is State.LOGON_AWAITED:
            return self._first(message, sequence, frame.raw)
        return self._in_order(message, sequence, frame.raw)

    def _unreadable(self, frame: Frame, sequence: int, error: FieldError) -> None:
        """A message whose fields can't be read is rejected, and counts as received."""
        if self.state is State.LOGON_AWAITED:
            self._close(str(error))
        elif sequence > self._next_in:
            self._too_high(sequence)
        elif sequence == self._next_in:
            self._advance(sequence, Message("unreadable"), frame.raw)
            self._out.reject(None, sequence, error)

    # Coming in: the logon

    def _first(self, message: Message, sequence: int, raw: bytes) -> None:
        if message.type == MsgType.LOGOUT and self.config.role is Role.INITIATOR:
            if sequence == self._next_in:
                self._advance(sequence, message, raw)
            return self._close(f"the other side refused the logon: {message.get(Tag.TEXT)}")
        if message.type != MsgType.LOGON:
            return self._close(f"the first message is of type {message.type}, not a Logon")
        try:
            self._agree(message)
        except FieldError as error:
            return self._end(str(error))
        if sequence < self._next_in:
            return self._end(self._too_low(sequence))
        if self.config.role is Role.ACCEPTOR:
            self._out.send(self._logon_message())
        self.state = State.ACTIVE
        self._out.turn.logged_on = True
        if sequence > self._next_in:
            return self._too_high(sequence)
        return self._advance(sequence, message, raw)

    def _agree(self, logon: Message) -> None:
        """Take over what a Logon says. Raises ``FieldError`` for what we don't agree to."""
        heartbeat = heartbeat_of(logon, self.config)
        if self.config.role is Role.ACCEPTOR:
            self._heartbeat = heartbeat
            if self.config.reset_on_logon:
                self._start_again()

    def _logon_message(self) -> Message:
        return Message.of(
            MsgType.LOGON,
            {
                Tag.ENCRYPT_METHOD: 0,
                Tag.HEART_BT_INT: int(self._heartbeat.total_seconds()),
                Tag.RESET_SEQ_NUM_FLAG: "Y" if self.config.reset_on_logon else None,
            },
        )

    def _start_again(self) -> None:
        self._out.start_again()
        self._next_in = 1

    # Coming in: the numbers

    def _in_order(self, message: Message, sequence: int, raw: bytes) -> None:
        if message.type == MsgType.SEQUENCE_RESET and not message.has(Tag.GAP_FILL_FLAG):
            return self._reset(message, sequence)
        if sequence > self._next_in:
            # Two are answered at once, or both sides might wait for each other for ever. Both come again, as gap fill.
            if message.type == MsgType.RESEND_REQUEST:
                self._asked(message, sequence)
            elif message.type == MsgType.LOGOUT:
                return self._logged_out(message)  # what is missing is asked for at the next logon
            return self._too_high(sequence)
        if sequence < self._next_in:
            # Already processed, if it admits so; otherwise the two sides have lost count of each other
            return None if message.has(Tag.POSS_DUP_FLAG) else self._end(self._too_low(sequence))
        if message.has(Tag.POSS_DUP_FLAG) and message.type != MsgType.SEQUENCE_RESET:
            try:
                check_original(message)
            except FieldError as error:
                self._advance(sequence, message, raw)
                return self._out.reject(message.type, sequence, error)
        return self._process(message, sequence, raw)

    def _too_low(self, sequence: int) -> str:
        return f"MsgSeqNum too low, expecting {self._next_in} but received {sequence}"

    def _too_high(self, sequence: int) -> None:
        """Messages are missing: ask for them, unless that is under way."""
        if not self._missing_until:
            self._ask_again(self._clock.now())
        self._missing_until = max(self._missing_until, sequence)

    def _ask_again(self, now: datetime) -> None:
        self._asked_at = now
        self._out.send(Message.of(MsgType.RESEND_REQUEST, {Tag.BEGIN_SEQ_NO: self._next_in, Tag.END_SEQ_NO: 0}))

    def _advance(
        self, sequence: int, message: Message, raw: bytes, *, next_in: int | None = None, hand_on: bool = False
    ) -> None:
        """The message counts as received: it goes to the journal together with the number expected next."""
        place = Place(self._out.era, sequence)
        self._out.turn.entries.append(Entry(Direction.IN, place, message, raw, self._clock.now(), application=hand_on))
        if hand_on:
            self._out.turn.handed.append(Delivery(place, message))
        self._expect(sequence + 1 if next_in is None else next_in)

    def _expect(self, next_in: int) -> None:
        self._next_in = next_in
        self._out.turn.changed = True
        self._asked_at = self._clock.now()
        if next_in > self._missing_until:
            self._missing_until = 0

    # Coming in: the messages

    def _process(self, message: Message, sequence: int, raw: bytes) -> None:
        try:
            if message.type == MsgType.SEQUENCE_RESET:
                return self._advance(sequence, message, raw, next_in=new_number(message, above=sequence))
            if message.type == MsgType.TEST_REQUEST:
                self._out.send(Message.of(MsgType.HEARTBEAT, {Tag.TEST_REQ_ID: message[Tag.TEST_REQ_ID]}))
            elif message.type == MsgType.RESEND_REQUEST:
                self._asked(message, sequence)
        except FieldError as error:
            self._out.reject(message.type, sequence, error)
        self._advance(sequence, message, raw, hand_on=not message.administrative)
        if message.type == MsgType.LOGOUT:
            self._logged_out(message)
        elif message.type == MsgType.LOGON:
            self._end("a Logon when already logged on")

    def _asked(self, message: Message, sequence: int) -> None:
        try:
            asked = asked_by(message, self._out.next)
        except FieldError as error:
            return self._out.reject(message.type, sequence, error)
        return self._out.turn.asked.append(asked)

    def _reset(self, message: Message, sequence: int) -> None:
        """The other side gives up what is missing. Its own number doesn't count, and numbers only ever go up."""
        try:
            number = new_number(message, above=self._next_in - 1)
        except FieldError as error:
            return self._out.reject(message.type, sequence, error)
        return self._expect(number)

    def _logged_out(self, message: Message) -> None:
        if self.state is State.ACTIVE:
            self._out.send(Message.of(MsgType.LOGOUT, {}))
        self._close(f"logged out: {message.get(Tag.TEXT) or 'no reason given'}")

    # Going out

    def _keep_alive(self, now: datetime) -> None:
        if not self._heartbeat:
            return
        if self._tested_at is not None and now - self._tested_at >= self._heartbeat * _REASONABLE:
            return self._close("nothing came in, not even an answer to a TestRequest")
        if self._tested_at is None and now - self._heard_at >= self._heartbeat * _REASONABLE:
            self._tested_at = now
            self._out.send(Message.of(MsgType.TEST_REQUEST, {Tag.TEST_REQ_ID: to_text(now)}))
        elif now - self._out.sent_at >= self._heartbeat:
            self._out.send(Message.of(MsgType.HEARTBEAT, {}))
        return None

    def _end(self, text: str) -> None:
        """Say what is wrong, and go."""
        self._out.send(Message.of(MsgType.LOGOUT, {Tag.TEXT: printable(text)}))
        self._close(text)

    def _close(self, text: str) -> None:
        self.state = State.CLOSED
        self._out.turn.closed = text
