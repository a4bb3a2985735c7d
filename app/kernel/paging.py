"""Pages by key, never by offset: what stays put while rows are added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")

#: The most items that one page may hold.
MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class PageOf(Generic[K]):
    """A page asked for: the first ``limit`` items past ``after``, or (``backward``) the last ones before ``before``."""

    limit: int
    backward: bool = False
    after: K | None = None
    before: K | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page found, in the list's own order."""

    items: Sequence[T]
    has_next: bool
    has_previous: bool


def page_from(rows: Sequence[T], asked: PageOf[K]) -> Page[T]:
    """A page from up to ``limit + 1`` rows, read in the direction asked for: the extra row says that there is more."""
    more = len(rows) > asked.limit
    items = list(rows[: asked.limit])
    if asked.backward:
        return Page(items[::-1], has_next=asked.before is not None, has_previous=more)
    return Page(items, has_next=more, has_previous=asked.after is not None)
