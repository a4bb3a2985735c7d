"""Between bytes on a wire and messages. simplefix reads and writes fields; messages are found here.

The specification wants a garbled message (wrong begin, length or checksum) to be ignored: its number then is missing,
and is asked for again. simplefix raises in the middle of the stream and can't go on, so it only ever sees whole frames.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from simplefix import FixMessage, FixParser  # type: ignore[import-untyped]
from simplefix.errors import ParsingError  # type: ignore[import-untyped]

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import SessionRejectReason, Tag
from app.fix.times import to_text

BEGIN_STRING: Final = "FIX.4.4"
#: A longer message than this many bytes is none.
MAX_BODY: Final = 1 << 16

_HEADER: Final = re.compile(rb"8=(FIX[^\x01]{1,12})\x019=([0-9]{1,6})\x01")
_LONGEST_HEADER: Final = 32
_TRAILER: Final = re.compile(rb"10=([0-9]{3})\x01")
_TRAILER_LENGTH: Final = 7
_SEQUENCE: Final = re.compile(rb"\x0134=([0-9]{1,18})\x01")

#: Fields that stand before the body, in this order; and those that only the codec writes.
_HEADER_TAGS: Final = (Tag.POSS_DUP_FLAG, Tag.POSS_RESEND, Tag.SENDER_SUB_ID, Tag.TARGET_SUB_ID, Tag.ORIG_SENDING_TIME)
_ENVELOPE: Final = frozenset({Tag.BEGIN_STRING, Tag.BODY_LENGTH, Tag.MSG_TYPE, Tag.CHECK_SUM})


@dataclass(frozen=True, slots=True)
class Frame:
    """One message's bytes, whole and with the right checksum."""

    begin_string: str
    raw: bytes

    @property
    def sequence(self) -> int | None:
        """MsgSeqNum, even of a message whose fields can't be read."""
        found = _SEQUENCE.search(self.raw)
        return int(found[1]) if found else None


@dataclass(slots=True)
class Framer:
    """Finds messages in a stream of bytes; ``garbled`` counts the stretches of it that were none."""

    garbled: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that are complete with these bytes."""
        self._buffer += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> Frame | None:
        while True:
            header = _HEADER.search(self._buffer)
            if header is None:
                # The beginning of a message may have arrived, but no more of it than this
                if len(self._buffer) > _LONGEST_HEADER:
                    self._skip(len(self._buffer) - _LONGEST_HEADER)
                return None
            if header.start() > 0:
                self._skip(header.start())
                continue
            end = header.end() + int(header[2])
            if int(header[2]) <= MAX_BODY:
                if len(self._buffer) < end + _TRAILER_LENGTH:
                    return None
                trailer = _TRAILER.fullmatch(self._buffer, end, end + _TRAILER_LENGTH)
                if trailer and self._buffer[end - 1] == 1 and sum(self._buffer[:end]) % 256 == int(trailer[1]):
                    frame = Frame(header[1].decode("latin-1"), bytes(self._buffer[: trailer.end()]))
                    del self._buffer[: trailer.end()]
                    return frame
            self._skip(2)  # not a message: the next one may begin inside what its length claimed

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self.garbled += 1


def decode(frame: Frame) -> Message:
    """The message in a frame. Raises ``FieldError`` when its fields can't be told apart, or one is empty."""
    parser = FixParser(allow_empty_values=True)
    parser.append_buffer(frame.raw)
    try:
        parsed = parser.get_message()
    except ParsingError as error:
        text = f"the fields of the message can't be told apart: {error}"
        raise FieldError(SessionRejectReason.INVALID_TAG_NUMBER, None, text) from None
    if parsed is None or parser.get_buffer():
        raise FieldError(SessionRejectReason.OUT_OF_ORDER, int(Tag.CHECK_SUM), "CheckSum (10) is not the last field")
    pairs = [(int(tag), _text(value)) for tag, value in parsed.pairs]
    for tag, text in pairs:
        if not text:
            raise FieldError(SessionRejectReason.TAG_WITHOUT_VALUE, tag, f"field {tag} is empty")
    if len(pairs) < 4 or pairs[2][0] != Tag.MSG_TYPE:
        raise FieldError(SessionRejectReason.OUT_OF_ORDER, int(Tag.MSG_TYPE), "MsgType (35) is not the third field")
    return Message(pairs[2][1], tuple(pair for pair in pairs if pair[0] not in _ENVELOPE))


def _text(value: bytes) -> str:
    """What isn't UTF-8, or a NUL, is written out: a text must never be what a database refuses. The frame keeps it."""
    return value.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def encode(message: Message, *, sender: str, target: str, sequence: int, sending_time: datetime) -> bytes:
    """The bytes of a message."""
    encoder = FixMessage()
    header = {
        Tag.BEGIN_STRING: BEGIN_STRING,
        Tag.MSG_TYPE: message.type,
        Tag.SENDER_COMP_ID: sender,
        Tag.TARGET_COMP_ID: target,
        Tag.MSG_SEQ_NUM: str(sequence),
        Tag.SENDING_TIME: to_text(sending_time),
    }
    for tag in _HEADER_TAGS:
        if (text := message.get(tag)) is not None:
            header[tag] = text
    body = [pair for pair in message.fields if pair[0] not in header]
    for number, text in (*header.items(), *body):
        encoder.append_pair(int(number), text.encode("utf-8", "backslashreplace"))
    encoded: bytes = encoder.encode()
    return encoded
