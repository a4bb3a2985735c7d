"""What a session sends: each message is numbered, stamped, and written into the turn."""

from collections.abc import Sequence

from app.fix.codec import encode
from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import to_text
from app.fix.types import Direction, Entry, Numbers, Place, SessionId, Turn
from app.kernel.clock import Clock


class Outgoing:
    """The outgoing side of a session: ``next`` is its next number, ``turn`` what is to be done now."""

    def __init__(self, id_: SessionId, numbers: Numbers, clock: Clock) -> None:
        self.turn = Turn(numbers)
        self.era, self.next = numbers.era, numbers.next_out
        self.sent_at = clock.now()
        self._id = id_
        self._clock = clock

    def start_again(self) -> None:
        """Numbers start at 1 again."""
        self.era, self.next = self.era + 1, 1
        self.turn.changed = True

    def send(self, message: Message) -> int:
        """Answers the number that the message got."""
        sequence = self.next
        raw = self._write(message, sequence)
        place, application = Place(self.era, sequence), not message.administrative
        self.turn.entries.append(Entry(Direction.OUT, place, message, raw, self.sent_at, application))
        self.next += 1
        self.turn.changed = True
        return sequence

    def reject(self, type_: str | None, sequence: int, error: FieldError) -> None:
        """Say what is wrong with the message of that number."""
        fields = {
            Tag.REF_SEQ_NUM: sequence,
            Tag.REF_TAG_ID: error.tag,
            Tag.REF_MSG_TYPE: type_,
            Tag.SESSION_REJECT_REASON: int(error.reason),
            Tag.TEXT: printable(str(error)),
        }
        self.send(Message.of(MsgType.REJECT, fields))

    def resend(self, numbers: range, stored: Sequence[tuple[int, Message]]) -> None:
        """Send again what is ``stored`` of the application's under these numbers; the rest is filled."""
        at = numbers.start
        for sequence, message in stored:
            if at < sequence:
                self._fill_gap(at, sequence)
            flags = ((int(Tag.POSS_DUP_FLAG), "Y"), (int(Tag.ORIG_SENDING_TIME), message[Tag.SENDING_TIME]))
            self._write(Message(message.type, (*flags, *message.fields)), sequence)
            at = sequence + 1
        if at < numbers.stop:
            self._fill_gap(at, numbers.stop)

    def _fill_gap(self, begin: int, next_number: int) -> None:
        fields: dict[Tag, object] = {
            Tag.POSS_DUP_FLAG: "Y",
            Tag.ORIG_SENDING_TIME: to_text(self._clock.now()),
            Tag.GAP_FILL_FLAG: "Y",
            Tag.NEW_SEQ_NO: next_number,
        }
        self._write(Message.of(MsgType.SEQUENCE_RESET, fields), begin)

    def _write(self, message: Message, sequence: int) -> bytes:
        self.sent_at = self._clock.now()
        id_ = self._id
        raw = encode(message, sender=id_.sender, target=id_.target, sequence=sequence, sending_time=self.sent_at)
        self.turn.written.append(raw)
        return raw


def printable(text: str) -> str:
    """The text as a field may carry it."""
    return "".join(character if character.isprintable() else "?" for character in text)[:400]
