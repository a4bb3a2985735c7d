"""UTCTimestamp, as FIX 4.4 writes it: to the millisecond."""

from datetime import UTC, datetime

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import SessionRejectReason


def to_text(moment: datetime) -> str:
    """Such as ``20261125-15:00:00.000``; what is finer than a millisecond is cut off."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y%m%d-%H:%M:%S}.{utc.microsecond // 1000:03d}"


def time_of(message: Message, tag: int) -> datetime:
    """The moment in a field; raises ``FieldError`` if it is missing or none."""
    text = message[tag]
    try:
        # FIX 4.4 knows seconds and milliseconds; finer ones come from those who speak later versions
        form = "%Y%m%d-%H:%M:%S.%f" if "." in text else "%Y%m%d-%H:%M:%S"
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        message_ = f"field {int(tag)} is {text[:40]!r}, which is not a UTC time such as 20261125-15:00:00.000"
        raise FieldError(SessionRejectReason.INCORRECT_DATA_FORMAT, int(tag), message_) from None
