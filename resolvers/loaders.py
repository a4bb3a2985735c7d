"""Batched reads of one operation: what several fields want at once is fetched in one statement."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from app.cases.reads import cases_by_id, entries_of
from app.cases.types import Case, CaseEntry
from app.clients.reads import accounts_by_book, accounts_by_id
from app.clients.types import Account
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.reads import activity, cash_by_book, events_at, positions_by_book, transfers_at
from app.ledger.types import Cash, Position, Transfer
from app.orders.reads import (
    Allocation,
    Execution,
    allocations_of,
    cost_by_position,
    executions_of,
    market_orders_by_id,
    orders_by_id,
    orders_of,
    venue_orders_of,
)
from app.orders.types import MarketOrder, Order, VenueOrderState
from app.risk.reads import rules_by_id
from app.risk.types import RiskRule

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
P = TypeVar("P")
Read = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class Loaders:
    """One loader per kind of thing. An absent thing loads as None, or as nothing of it: no cash, no positions."""

    def __init__(self, read: Read) -> None:
        self.account: DataLoader[UUID, Account | None] = _loader(read, accounts_by_id, None)
        self.account_by_book: DataLoader[int, Account | None] = _loader(read, accounts_by_book, None)
        self.cash: DataLoader[int, Cash] = _loader(read, cash_by_book, Cash())
        self.positions: DataLoader[int, list[Position]] = _loader(read, positions_by_book, [])
        self.costs: DataLoader[int, dict[int, int]] = _loader(read, _costs_by_book, {})
        self.order: DataLoader[UUID, Order | None] = _loader(read, orders_by_id, None)
        self.market_order: DataLoader[UUID, MarketOrder | None] = _loader(read, market_orders_by_id, None)
        self.executions: DataLoader[UUID, list[Execution]] = _loader(read, executions_of, [])
        self.allocations: DataLoader[tuple[UUID, PageOf[UUID]], Page[Allocation]] = _loader(
            read, _paged(allocations_of), _NOTHING
        )
        self.venue_order: DataLoader[UUID, VenueOrderState | None] = _loader(read, venue_orders_of, None)
        self.orders: DataLoader[tuple[UUID, PageOf[UUID]], Page[Order]] = _loader(read, _paged(orders_of), _NOTHING)
        self.activity: DataLoader[tuple[int, PageOf[int]], Page[Event]] = _loader(read, _paged(activity), _NOTHING)
        self.event: DataLoader[tuple[int, int], Event | None] = _loader(read, events_at, None)
        self.risk_rule: DataLoader[UUID, RiskRule | None] = _loader(read, rules_by_id, None)
        self.case: DataLoader[UUID, Case | None] = _loader(read, cases_by_id, None)
        self.case_entries: DataLoader[tuple[UUID, PageOf[UUID]], Page[CaseEntry]] = _loader(
            read, _paged(entries_of), _NOTHING
        )
        self.transfers: DataLoader[tuple[int, int], list[Transfer]] = _loader(read, transfers_at, [])


def _loader(
    read: Read, fetch: Callable[[AsyncConnection, Sequence[K]], Awaitable[Mapping[K, V]]], absent: D
) -> DataLoader[K, V | D]:
    async def load(keys: list[K]) -> list[V | D]:
        async with read() as connection:
            found = await fetch(connection, keys)
        return [found.get(key, absent) for key in keys]

    return DataLoader(load_fn=load)


_NOTHING: Page[Any] = Page([], has_next=False, has_previous=False)


def _paged(
    fetch: Callable[[AsyncConnection, Sequence[K], PageOf[P]], Awaitable[Mapping[K, V]]],
) -> Callable[[AsyncConnection, Sequence[tuple[K, PageOf[P]]]], Awaitable[dict[tuple[K, PageOf[P]], V]]]:
    """Pages of many lists: one statement for all lists of which the same page is asked."""

    async def pages(connection: AsyncConnection, keys: Sequence[tuple[K, PageOf[P]]]) -> dict[tuple[K, PageOf[P]], V]:
        by_page: dict[PageOf[P], list[K]] = {}
        for key, asked in keys:
            by_page.setdefault(asked, []).append(key)
        found: dict[tuple[K, PageOf[P]], V] = {}
        for asked, owners in by_page.items():
            found |= {(owner, asked): page for owner, page in (await fetch(connection, owners, asked)).items()}
        return found

    return pages


async def _costs_by_book(connection: AsyncConnection, books: Sequence[int]) -> dict[int, dict[int, int]]:
    costs: dict[int, dict[int, int]] = {book: {} for book in books}
    for (book, instrument), cost in (await cost_by_position(connection, books)).items():
        costs[book][instrument] = cost
    return costs
