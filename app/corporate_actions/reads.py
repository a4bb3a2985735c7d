"""Batched reads of corporate actions for the API. Row-level security bounds them to the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.corporate_actions.rows import action_from
from app.corporate_actions.tables import corporate_action
from app.corporate_actions.types import CorporateAction
from app.kernel.paging import Page, PageOf, page_from


async def actions_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, CorporateAction]:
    """Actions by id; unknown ids are absent."""
    rows = await connection.execute(select(corporate_action).where(corporate_action.c.id.in_(ids)))
    return {found.id: found for found in map(action_from, rows.mappings())}


async def actions(connection: AsyncConnection, tenant_id: UUID, asked: PageOf[UUID]) -> Page[CorporateAction]:
    """A tenant's actions, newest first, keyed by id."""
    query = select(corporate_action).where(corporate_action.c.tenant_id == tenant_id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(corporate_action.c.id < asked.after)
    if asked.before is not None:
        query = query.where(corporate_action.c.id > asked.before)
    query = query.order_by(corporate_action.c.id.asc() if asked.backward else corporate_action.c.id.desc())
    rows = await connection.execute(query)
    return page_from([action_from(row) for row in rows.mappings()], asked)
