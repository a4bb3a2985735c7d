"""What can go wrong on a FIX session."""

from app.fix.tags import SessionRejectReason


class FieldError(ValueError):
    """A field of a message is missing, or says what it can't say."""

    def __init__(self, reason: SessionRejectReason, tag: int | None, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.tag = tag


class NotLoggedOn(ConnectionError):
    """There is no session to send on. Nothing was stored and nothing was sent."""


class SessionHeld(Exception):
    """Another process has the session."""


class Fenced(Exception):
    """The session was opened by somebody else since: nothing was written, and this owner must stop."""
