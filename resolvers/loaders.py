"""Batched reads of one operation: what several fields want at once is fetched in one statement."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from app.accounting.reads import (
    LedgerAccount,
    books_at,
    closes_by_id,
    journals_by_id,
    ledger_accounts,
    reconciliations_by_id,
)
from app.accounting.trial_balance import TrialBalance
from app.accounting.types import DailyClose, ManualJournal, Reconciliation
from app.cases.reads import cases_by_id, entries_of
from app.cases.types import Case, CaseEntry
from app.clients.reads import accounts_by_book, accounts_by_id
from app.clients.types import Account
from app.corporate_actions.reads import actions_by_id
from app.corporate_actions.types import CorporateAction
from app.infra.shared_reads import Fetch
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.reads import (
    activity,
    cash_by_book,
    events_at,
    positions_by_book,
    proven_by_journal,
    transfers_at,
)
from app.ledger.types import Cash, Position, Transfer
from app.orders.reads import (
    Allocation,
    Execution,
    allocations_by_order,
    allocations_of,
    cost_by_position,
    executions_of,
    market_orders_by_id,
    orders_by_id,
    orders_of,
    venue_orders_of,
)
from app.orders.types import MarketOrder, Order, VenueOrderState
from app.proof.prove import entry_proofs
from app.proof.reads import blocks_at
from app.proof.types import EntryProof, LogBlock
from app.risk.reads import rules_by_id
from app.risk.types import RiskRule

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")
Read = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


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


class _Each(Generic[K, V]):
    """The loader of one kind of thing, made when a field first asks for it: most operations ask for few kinds."""

    def __init__(self, fetch: Fetch[K, V], absent: V) -> None:
        self._fetch = fetch
        self._absent = absent

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, loaders: "Loaders", _: type) -> DataLoader[K, V]:
        async def load(keys: list[K]) -> list[V]:
            async with loaders.read() as connection:
                found = await self._fetch(connection, keys)
            return [found.get(key, self._absent) for key in keys]

        # Kept with the loaders under its own name, where it is found first from now on.
        made = loaders.__dict__[self._name] = DataLoader(load_fn=load)
        return made


class Loaders:
    """One loader per kind of thing. An absent thing loads as None, or as nothing of it: no cash, no positions."""

    account = _Each[UUID, Account | None](accounts_by_id, None)
    account_by_book = _Each[int, Account | None](accounts_by_book, None)
    cash = _Each[int, Cash](cash_by_book, Cash())
    positions = _Each[int, list[Position]](positions_by_book, [])
    costs = _Each[int, dict[int, int]](_costs_by_book, {})
    order = _Each[UUID, Order | None](orders_by_id, None)
    market_order = _Each[UUID, MarketOrder | None](market_orders_by_id, None)
    executions = _Each[UUID, list[Execution]](executions_of, [])
    allocation = _Each[UUID, Allocation | None](allocations_by_order, None)
    allocations = _Each[tuple[UUID, PageOf[UUID]], Page[Allocation]](_paged(allocations_of), _NOTHING)
    venue_order = _Each[UUID, VenueOrderState | None](venue_orders_of, None)
    orders = _Each[tuple[UUID, PageOf[UUID]], Page[Order]](_paged(orders_of), _NOTHING)
    activity = _Each[tuple[int, PageOf[int]], Page[Event]](_paged(activity), _NOTHING)
    proven = _Each[int, int](proven_by_journal, 0)
    event = _Each[tuple[int, int], Event | None](events_at, None)
    risk_rule = _Each[UUID, RiskRule | None](rules_by_id, None)
    corporate_action = _Each[UUID, CorporateAction | None](actions_by_id, None)
    case = _Each[UUID, Case | None](cases_by_id, None)
    case_entries = _Each[tuple[UUID, PageOf[UUID]], Page[CaseEntry]](_paged(entries_of), _NOTHING)
    daily_close = _Each[UUID, DailyClose | None](closes_by_id, None)
    books = _Each[tuple[int, int], TrialBalance | None](books_at, None)
    manual_journal = _Each[UUID, ManualJournal | None](journals_by_id, None)
    reconciliation = _Each[UUID, Reconciliation | None](reconciliations_by_id, None)
    ledger_account = _Each[int, LedgerAccount | None](ledger_accounts, None)
    block = _Each[tuple[int, int], LogBlock | None](blocks_at, None)
    proof = _Each[tuple[int, int], EntryProof | None](entry_proofs, None)
    transfers = _Each[tuple[int, int], list[Transfer]](transfers_at, [])

    def __init__(self, read: Read) -> None:
        self.read = read
