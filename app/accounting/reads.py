"""Batched reads of closes, journals and reconciliations for the API. Row-level security bounds them to the tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, Table, case, func, literal_column, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounting.balances import fetching, trial_balances_at
from app.accounting.rows import Row, close_from, journal_from, reconciliation_from
from app.accounting.tables import daily_close, manual_journal, reconciliation
from app.accounting.trial_balance import TrialBalance
from app.accounting.types import DailyClose, JournalStatus, ManualJournal, Reconciliation
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf, page_from
from app.ledger.chart import BookKind, Kind
from app.ledger.history import came_late
from app.ledger.reads import events_at
from app.ledger.tables import account, book, event, journal_head

T = TypeVar("T")

_REFERRED = (BookKind.CUSTOMER.value, BookKind.MARKET_ORDER.value)


async def closes(connection: AsyncConnection, journal_id: int, asked: PageOf[date]) -> Page[DailyClose]:
    """A journal's closes, newest first, keyed by business date."""
    query = select(daily_close).where(daily_close.c.journal_id == journal_id)
    return await _page(connection, query, daily_close.c.business_date, asked, close_from)


async def closes_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, DailyClose]:
    """Closes by id; unknown ids are absent."""
    return {found.id: found for found in await _by_id(connection, daily_close, ids, close_from)}


async def books_at(
    connection: AsyncConnection, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], TrialBalance]:
    """Trial balances by journal and position; those that are archived are absent."""
    journals: dict[int, list[int]] = {}
    for journal_id, position in places:
        journals.setdefault(journal_id, []).append(position)
    return {
        (journal_id, position): books
        for journal_id, positions in journals.items()
        for position, books in (await trial_balances_at(fetching(connection), journal_id, positions)).items()
    }


async def changes_since(connection: AsyncConnection, close: DailyClose, asked: PageOf[int]) -> Page[Event]:
    """Entries recorded after a close that took effect before its end, oldest first, keyed by position.

    What came late by up to a minute stands within a minute of that end; what was dated back has an index of its own. So
    the changes of an old close are found as quickly as those of the last one.
    """
    soon = _changes(close, asked, came_late(), event.c.position <= _a_minute_after(close))
    dated_back = _changes(close, asked, event.c.lateness == literal_column("2"))
    both = union(soon, dated_back).subquery()
    order = both.c.position.desc() if asked.backward else both.c.position.asc()
    positions = list(await connection.scalars(select(both.c.position).order_by(order).limit(asked.limit + 1)))
    found = await events_at(connection, [(close.journal_id, position) for position in positions])
    return page_from([found[close.journal_id, position] for position in positions], asked)


def _changes(close: DailyClose, asked: PageOf[int], *which: ColumnElement[bool]) -> Select[Any]:
    query = select(event.c.position).where(
        event.c.journal_id == close.journal_id,
        event.c.position > max(close.position, asked.after or 0),
        event.c.effective_at < close.ends_at,
        *which,
    )
    if asked.before is not None:
        query = query.where(event.c.position < asked.before)
    order = event.c.position.desc() if asked.backward else event.c.position.asc()
    return select(query.order_by(order).limit(asked.limit + 1).subquery().c.position)


def _a_minute_after(close: DailyClose) -> ColumnElement[int]:
    """The last position of which something may have taken effect before the close's end and came a minute late."""
    until = close.ends_at + timedelta(minutes=1)
    found = func.ledger.effective_position_at(close.journal_id, until, type_=BigInteger)
    head = journal_head.c
    return (
        select(case((head.archived_effective_at > until, head.archived), else_=found))
        .where(head.journal_id == close.journal_id)
        .scalar_subquery()
    )


async def journals(
    connection: AsyncConnection, tenant_id: UUID, status: JournalStatus | None, asked: PageOf[UUID]
) -> Page[ManualJournal]:
    """A tenant's journals by hand, newest first, keyed by id; only those of one status, if one is named."""
    query = select(manual_journal).where(manual_journal.c.tenant_id == tenant_id)
    if status is not None:
        query = query.where(manual_journal.c.status == status.value)
    return await _page(connection, query, manual_journal.c.id, asked, journal_from)


async def journals_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, ManualJournal]:
    """Journals by hand by id; unknown ids are absent."""
    return {found.id: found for found in await _by_id(connection, manual_journal, ids, journal_from)}


async def reconciliations(connection: AsyncConnection, tenant_id: UUID, asked: PageOf[UUID]) -> Page[Reconciliation]:
    """A tenant's reconciliations, newest first, keyed by id."""
    query = select(reconciliation).where(reconciliation.c.tenant_id == tenant_id)
    return await _page(connection, query, reconciliation.c.id, asked, reconciliation_from)


async def reconciliations_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Reconciliation]:
    """Reconciliations by id; unknown ids are absent."""
    return {found.id: found for found in await _by_id(connection, reconciliation, ids, reconciliation_from)}


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account of the ledger with its balance (units); ``reference`` says which customer's or market order's."""

    number: int
    kind: Kind
    asset: int
    reference: UUID | None
    balance: int


async def ledger_accounts(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, LedgerAccount]:
    """Ledger accounts by number; those to which nothing was ever posted are absent."""
    query = select(account.c.id, account.c.kind, account.c.asset_id, book.c.kind, book.c.reference, account.c.balance)
    joined = account.join(book, book.c.id == account.c.book_id)
    rows = await connection.execute(query.select_from(joined).where(account.c.id.in_(numbers)))
    return {
        number: LedgerAccount(number, Kind(kind), asset, reference if owner in _REFERRED else None, balance)
        for number, kind, asset, owner, reference, balance in rows
    }


async def _page(
    connection: AsyncConnection, query: Select[Any], key: Any, asked: PageOf[Any], read: Callable[[Row], T]
) -> Page[T]:
    if asked.after is not None:
        query = query.where(key < asked.after)
    if asked.before is not None:
        query = query.where(key > asked.before)
    query = query.order_by(key.asc() if asked.backward else key.desc()).limit(asked.limit + 1)
    return page_from([read(row) for row in (await connection.execute(query)).mappings()], asked)


async def _by_id(connection: AsyncConnection, table: Table, ids: Sequence[UUID], read: Callable[[Row], T]) -> list[T]:
    rows = await connection.execute(select(table).where(table.c.id.in_(ids)))
    return [read(row) for row in rows.mappings()]
