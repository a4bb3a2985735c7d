"""What can be wrong with the other side's messages. Each check raises ``FieldError``, which says what to reject."""

from datetime import datetime, timedelta

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import SessionRejectReason, Tag
from app.fix.times import time_of, to_text
from app.fix.types import Asked, SessionConfig

#: A longer heartbeat interval is taken as an hour.
_LONGEST = 3600


def check_envelope(message: Message, config: SessionConfig, now: datetime) -> None:
    """It is from whom, to whom, and about when it should be."""
    id_ = config.id
    names = message[Tag.SENDER_COMP_ID], message[Tag.TARGET_COMP_ID]
    sent = time_of(message, Tag.SENDING_TIME)
    if names != (id_.target, id_.sender):
        text = f"SenderCompID and TargetCompID are {names[0]}, {names[1]}, not {id_.target}, {id_.sender}"
        raise FieldError(SessionRejectReason.COMP_ID_PROBLEM, int(Tag.SENDER_COMP_ID), text)
    if abs(now - sent) > config.max_delay:
        text = f"SendingTime is {to_text(sent)}, when it is {to_text(now)}"
        raise FieldError(SessionRejectReason.SENDING_TIME_ACCURACY, int(Tag.SENDING_TIME), text)


def heartbeat_of(logon: Message, config: SessionConfig) -> timedelta:
    """The heartbeat interval that a Logon names; the rest of it must be as agreed."""
    if logon.number(Tag.ENCRYPT_METHOD) != 0:
        text = f"EncryptMethod is {logon[Tag.ENCRYPT_METHOD]}: only 0 (none) is spoken here"
        raise FieldError(SessionRejectReason.VALUE_IS_INCORRECT, int(Tag.ENCRYPT_METHOD), text)
    heartbeat = timedelta(seconds=min(logon.number(Tag.HEART_BT_INT), _LONGEST))
    if logon.has(Tag.RESET_SEQ_NUM_FLAG) != config.reset_on_logon:
        text = f"ResetSeqNumFlag must be {'Y' if config.reset_on_logon else 'absent'} on this session"
        raise FieldError(SessionRejectReason.VALUE_IS_INCORRECT, int(Tag.RESET_SEQ_NUM_FLAG), text)
    return heartbeat


def asked_by(request: Message, next_out: int) -> Asked:
    """What a ResendRequest asks for: not what has not been sent yet."""
    asked = Asked(max(1, request.number(Tag.BEGIN_SEQ_NO)), request.number(Tag.END_SEQ_NO))
    if asked.begin >= next_out:
        text = f"BeginSeqNo (7) is {asked.begin}, but the next number here is {next_out}"
        raise FieldError(SessionRejectReason.VALUE_IS_INCORRECT, int(Tag.BEGIN_SEQ_NO), text)
    return asked


def new_number(reset: Message, above: int) -> int:
    """The number that a SequenceReset names."""
    number = reset.number(Tag.NEW_SEQ_NO)
    if number <= above:
        text = f"NewSeqNo (36) is {number}: numbers only go up, and {above} is behind us"
        raise FieldError(SessionRejectReason.VALUE_IS_INCORRECT, int(Tag.NEW_SEQ_NO), text)
    return number


def check_original(message: Message) -> None:
    """A possible duplicate was first sent before it was sent."""
    if time_of(message, Tag.ORIG_SENDING_TIME) > time_of(message, Tag.SENDING_TIME):
        text = "OrigSendingTime (122) is later than SendingTime (52)"
        raise FieldError(SessionRejectReason.SENDING_TIME_ACCURACY, int(Tag.ORIG_SENDING_TIME), text)
