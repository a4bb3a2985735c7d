"""Pages as asked for in GraphQL: ``first`` or ``last``, 1 to 100, with opaque cursors."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from app.kernel.errors import Refusal
from app.kernel.paging import MAX_PAGE, Page, PageOf, page_from
from resolvers.ids import decode_cursor

K = TypeVar("K")
T = TypeVar("T")


class PageError(StrEnum):
    """Why a page can't be given."""

    PAGE_INVALID = "PAGE_INVALID"


def asked_page(
    first: int | None, after: str | None, last: int | None, before: str | None, key: Callable[[str], K]
) -> PageOf[K]:
    """The page asked for; ``key`` reads a list's key from a cursor. Raises a ``Refusal``."""
    if (first is None) == (last is None):
        raise _invalid("Give first or last, and not both, to say how many items you want.", "first")
    name, limit = ("first", first) if first is not None else ("last", last)
    if limit is None or not 1 <= limit <= MAX_PAGE:
        raise _invalid(f"{name} must be 1 to {MAX_PAGE}, got {limit}; page through longer lists with a cursor.", name)
    return PageOf(limit, last is not None, _key(after, "after", key), _key(before, "before", key))


def number_key(text: str) -> int:
    """A list's key that is a number of the database. Raises ``ValueError`` for any other."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"{text[:40]!r} is not a number of ours")
    return int(text)


def time_key(text: str) -> datetime:
    """A list's key that is a time with its zone, of this era. Raises ``ValueError`` for any other."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or not 1900 < time.year < 3000:
        raise ValueError(f"{text[:40]!r} is not a time of ours")
    return time


def cursor_number(cursor: str | None) -> int:
    """The number in a stream's cursor, 0 for none. Raises a ``Refusal``."""
    return _key(cursor, "after", number_key) or 0


def slice_page(items: Sequence[T], asked: PageOf[K], key: Callable[[T], K]) -> Page[T]:
    """The page of a list that is in memory already, in ascending order of its keys."""
    found = [
        item
        for item in items
        if (asked.after is None or key(item) > asked.after)  # type: ignore[operator]
        and (asked.before is None or key(item) < asked.before)  # type: ignore[operator]
    ]
    return page_from((found[::-1] if asked.backward else found)[: asked.limit + 1], asked)


def _key(cursor: str | None, name: str, key: Callable[[str], K]) -> K | None:
    if cursor is None:
        return None
    try:
        return key(decode_cursor(cursor))
    except ValueError:
        raise _invalid(f"{name} must be a cursor from this list, got {cursor[:40]!r}.", name) from None


def _invalid(message: str, path: str) -> Refusal:
    return Refusal(PageError.PAGE_INVALID, message, path)
