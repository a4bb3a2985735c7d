"""Batched reads of accounts. Row-level security bounds them to the tenant; the policy room to the caller."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clients.tables import account
from app.clients.types import Account, AccountStatus
from app.infra.database import among_keys
from app.kernel.paging import Page, PageOf, page_from

_BY_ID = select(account).where(among_keys(account.c.id))
_BY_BOOK = select(account).where(among_keys(account.c.book_id))


async def accounts_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Account]:
    """Accounts by id; unknown ids are absent."""
    rows = await connection.execute(_BY_ID, {"keys": ids})
    return {found.id: found for found in map(_account, rows)}


async def accounts_by_book(connection: AsyncConnection, books: Sequence[int]) -> dict[int, Account]:
    """Accounts by their book in the ledger; other books are absent."""
    rows = await connection.execute(_BY_BOOK, {"keys": books})
    return {found.book_id: found for found in map(_account, rows)}


async def accounts_of(connection: AsyncConnection, owner_id: UUID, asked: PageOf[UUID]) -> Page[Account]:
    """A user's accounts, oldest first, keyed by id."""
    query = select(account).where(account.c.owner_id == owner_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(account.c.id > asked.after)
    if asked.before is not None:
        query = query.where(account.c.id < asked.before)
    query = query.order_by(account.c.id.desc() if asked.backward else account.c.id.asc())
    return page_from([_account(row) for row in await connection.execute(query)], asked)


def _account(row: Row[Any]) -> Account:
    values: list[Any] = list(row)
    values[4] = AccountStatus(values[4])
    return Account(*values)
