"""Refusals: answers a caller can act on, as opposed to faults of ours."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a refused request needed of an asset in a book, and what of it was available. Units."""

    book: int
    asset: int
    needed: int
    available: int


class Refusal(Exception):
    """A request that was understood and declined. Nothing has changed.

    ``code`` is a member of the use case's own enum; ``path`` names the input field at fault, outermost first;
    the message says what was wrong, with which value, and what to do. ``shortage`` says by how much it fell short.
    """

    def __init__(self, code: Enum, message: str, *path: str, shortage: Shortage | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.shortage = shortage


class Overloaded(Exception):
    """A bounded queue is full. Nothing has changed; the same request may be sent again shortly."""


class OutcomeUnknown(Exception):
    """The database was lost over a request: it may have been done. Asked again with the same idempotency key, it is
    done once.
    """
