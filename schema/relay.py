"""Relay: nodes with global ids, and connections by key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry

from app.kernel.paging import Page
from resolvers.context import Context
from resolvers.ids import encode_cursor

T = TypeVar("T")

Info: TypeAlias = strawberry.Info[Context, None]

First = Annotated[
    int | None, strawberry.argument(description="How many items from the start (or past `after`): 1 to 100.")
]
After = Annotated[str | None, strawberry.argument(description="Only items past this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description="How many items from the end (or before `before`): 1 to 100.")
]
Before = Annotated[str | None, strawberry.argument(description="Only items before this cursor.")]


@strawberry.interface(description="Something with an id by which it can be fetched again.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque and stable.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the page's first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of the page's last item.")


@strawberry.type(description="An item and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="The item's place: pass it as `after` or `before`.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")


@dataclass(frozen=True, slots=True)
class _Edge:
    cursor: str
    node: Any


@dataclass(frozen=True, slots=True)
class _Connection:
    edges: list[_Edge]
    page_info: PageInfo


def connection(page: Page[Any], key: Callable[[Any], object], node: Callable[[Any], Any] = lambda item: item) -> Any:
    """A page as a connection; ``key`` gives an item's key, of which its cursor is made."""
    edges = [_Edge(encode_cursor(key(item)), node(item)) for item in page.items]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return _Connection(edges, info)
